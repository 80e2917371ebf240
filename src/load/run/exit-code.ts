/** k6's exit codes, and ours for what k6 does not find out. */
export const LOAD_EXIT = {
  ok: 0,
  thresholds: 99,
  setupTimeout: 100,
  teardownTimeout: 101,
  timeout: 102,
  invalidConfig: 104,
  interrupted: 105,
  scriptException: 107,
  scriptAborted: 108,
  crashed: 109,
  testFailed: 110,
  /** Ours: what was measured does not count (a saturated generator, a lost agent, too much really-blocking time). */
  void: 111,
} as const;

export type LoadExitCode = (typeof LOAD_EXIT)[keyof typeof LOAD_EXIT];

/** A run cannot go on: with k6's exit code for it. */
export class LoadFailure extends Error {
  override readonly name = "LoadFailure";
  readonly exitCode: LoadExitCode;

  constructor(exitCode: LoadExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
