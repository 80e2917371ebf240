/** Who is asking, and what they may do. */

/** What a request needs: send telemetry, read it, or change settings (which includes the other two). */
export type Need = "ingest" | "read" | "admin";

export const NEEDS: readonly Need[] = ["ingest", "read", "admin"];

export interface Principal {
  /** The token's name from the token file, its line ("line 3") without one, or "anonymous" where no tokens are configured. */
  readonly name: string;
  readonly needs: ReadonlySet<Need>;
  /** Tenants the principal may name; undefined is every tenant. */
  readonly tenants: readonly string[] | undefined;
  /** How the principal proved itself. A session came from a browser's cookie: the guard's Origin check must have passed. */
  readonly via: "none" | "bearer" | "basic" | "session";
}

/** Everybody, where no tokens are configured. */
export const ANONYMOUS: Principal = { name: "anonymous", needs: new Set(NEEDS), tenants: undefined, via: "none" };

export function isPermitted(principal: Principal, need: Need): boolean {
  return principal.needs.has(need) || principal.needs.has("admin");
}
