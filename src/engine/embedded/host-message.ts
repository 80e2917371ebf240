/** What the supervisor and the child process tell each other over the IPC channel. */
export interface HostStart {
  readonly type: "start";
  readonly dataDir: string;
  readonly user: string;
  readonly password: string;
  readonly memoryLimitBytes: number;
}

export type HostReport =
  | { readonly type: "ready"; readonly port: number; readonly version: string }
  | { readonly type: "failed"; readonly code: "data-in-use" | "engine-error"; readonly message: string };
