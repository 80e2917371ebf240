import { workerThreads } from "#runtime/threads.ts";
import { parseAgentAddress } from "./agent/agent-generators.ts";
import { type Agent, type AgentOptions, openAgent } from "./agent/agent-server.ts";

/** Lends this machine to load tests that other machines run. Rejects when it cannot listen. */
export async function openLoadAgent(options: AgentOptions): Promise<Agent> {
  return await openAgent(workerThreads, new URL("./run/generator-thread.ts", import.meta.url), options);
}

/** `host:port`; undefined when it is none. */
export const readAgentAddress = (text: string): { readonly host: string; readonly port: number } | undefined =>
  parseAgentAddress(text);
