import type { EngineConfig } from "./config-file.ts";

/** What the supervisor and the child process tell each other over the IPC channel. */
export type HostOrder =
  | {
      readonly type: "start";
      /** 0 for any free one. */
      readonly port: number;
      readonly dataDir: string;
      readonly configDir: string;
      readonly user: string;
      readonly password: string;
      readonly memoryLimitBytes: number;
      readonly killGraceMs: number;
      readonly config: EngineConfig;
    }
  | { readonly type: "stop" };

export type HostReport =
  | { readonly type: "ready"; readonly port: number; readonly version: string }
  | { readonly type: "failed"; readonly code: "data-in-use" | "engine-error"; readonly message: string }
  /** A query outlived its kill; the process ends itself after this. */
  | { readonly type: "stuck"; readonly sql: string };
