import type { LoadUser, LoadUserState } from "../load-user.ts";

/** The script of a run, as a generator uses it: already compiled, one realm for all users. */
export interface LoadScript {
  /**
   * Makes a user and runs its init code.
   * @param id `__VU`: 1, 2, …; 0 for the users that only read options, set up, tear down or sum up
   */
  createUser(id: number, host: LoadUserState): Promise<LoadUser>;
  /** The files that make up the script, with what each weighs in source text: for those that make users heavy. */
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
  /** Before each iteration of a user: what modules keep of one iteration (cookies) is forgotten. */
  startIteration(user: LoadUser): void;
  /** A user leaves its scenario: what modules hold open for it (connections) is closed. */
  releaseUser(user: LoadUser): void;
  /** The run is over. */
  close(): void;
  /** Blocking calls where the script could not be suspended, by place (`file:line`). */
  blockingShare(): { readonly totalMs: number; readonly places: readonly string[] };
}
