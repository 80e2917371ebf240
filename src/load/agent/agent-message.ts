import type { FromGenerator, ToGenerator } from "../run/generator-link.ts";

/** The path and the protocol that a coordinator asks an agent to upgrade to. Its number changes when messages do. */
export const AGENT_PATH = "/load/generator";
export const AGENT_PROTOCOL = "traceo-load/1";

export type ToAgent =
  /** First: starts a generator with this number. */
  { readonly open: { readonly generator: number } } | { readonly ping: number } | { readonly message: ToGenerator };

export type FromAgent =
  /** Answers a ping with its number and the agent's clock. */
  | { readonly pong: number; readonly unixMs: number }
  /** Once a second: the agent is there, whatever its generator does. */
  | { readonly beat: true }
  | { readonly lost: string }
  | { readonly message: FromGenerator };

export const AGENT_BEAT_MS = 1000;
/** An agent that says nothing for so long is gone. */
export const AGENT_SILENCE_MS = 10_000;
