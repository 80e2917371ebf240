/** A module that scripts can import by name (`k6/http`) because it is ours. Its functions are shared by all users and find theirs by `currentUser()`. */
export interface ScriptModule {
  readonly specifier: string;
  /** The named exports. A user sees a shallow copy, so that a script that changes it changes it for itself. */
  readonly exports: Readonly<Record<string, unknown>>;
  /** `import x from`; the named exports when left out, as k6 has it. */
  readonly default?: unknown;
}
