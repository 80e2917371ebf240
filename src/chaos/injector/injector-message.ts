import type { Fault } from "../fault/fault.ts";

/** What an injector does, in order; it can be told to stop at one for good, where a test then kills it. */
export const INJECTOR_STEPS = [
  "start",
  "before-inject",
  "after-inject",
  "before-remove",
  "after-remove",
  "end",
] as const;
export type InjectorStep = (typeof INJECTOR_STEPS)[number];

/** From the experiment to its injector. */
export type InjectorOrder =
  | {
      readonly type: "inject";
      readonly fault: Fault;
      readonly recordsDirectory: string;
      /** The fault ends when no beat came for so long. */
      readonly silenceMs: number;
      readonly removeTimeoutMs: number;
      readonly holdAt?: InjectorStep;
    }
  | { readonly type: "beat" }
  | { readonly type: "remove" };

/** From the injector. After "removed" or "failed" it ends. */
export type InjectorReport =
  | { readonly type: "injected" }
  | { readonly type: "held"; readonly step: InjectorStep }
  | { readonly type: "removed"; readonly why: RemovalReason }
  | { readonly type: "failed"; readonly message: string };

export type RemovalReason = "told" | "deadline" | "silence" | "disconnected" | "signal" | "record-gone" | "refused";
