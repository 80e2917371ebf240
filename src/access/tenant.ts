import { Failure } from "#runtime/failure.ts";
import type { Principal } from "./principal.ts";
import { headerOf, type RequestHeaders } from "./request-headers.ts";

export const DEFAULT_TENANT = "default";

const TENANT = /^[A-Za-z0-9_.-]{1,64}$/;

/** A tenant's name becomes a column's value, a quota's key and part of paths, hence "." and ".." are none. */
export function isTenant(name: string): boolean {
  return TENANT.test(name) && name !== "." && name !== "..";
}

/**
 * The one tenant that a request concerns: `X-Scope-OrgID`; without it the principal's only tenant if it has exactly one,
 * otherwise "default". Several tenants (`a|b`) are refused: a record belongs to one.
 * Returns "bad-request" for a malformed name and "forbidden" for a tenant that the principal may not name.
 */
export function tenantOf(headers: RequestHeaders, principal: Principal): string | Failure {
  const named = headerOf(headers, "x-scope-orgid")?.trim();
  const only = principal.tenants?.length === 1 ? principal.tenants[0] : undefined;
  const tenant = named === undefined || named === "" ? (only ?? DEFAULT_TENANT) : named;
  if (tenant.includes("|"))
    return new Failure("bad-request", "X-Scope-OrgID names several tenants; one request concerns one tenant");
  if (!isTenant(tenant))
    return new Failure("bad-request", "X-Scope-OrgID must be 1 to 64 letters, digits, dots, dashes or underscores");
  if (principal.tenants !== undefined && !principal.tenants.includes(tenant))
    return new Failure("forbidden", `${principal.name} has no access to tenant ${tenant}`, {
      remedy: "Send X-Scope-OrgID with a tenant that the token lists, or add the tenant to the token's line.",
    });
  return tenant;
}
