import type { Access } from "#access/access.ts";
import type { Need } from "#access/principal.ts";
import type { RequestHeaders } from "#access/request-headers.ts";
import { tenantOf } from "#access/tenant.ts";
import type { Visitor } from "./dependencies.ts";
import { orThrow } from "./problem.ts";

export interface AdmittedRequest {
  readonly method: string;
  readonly headers: RequestHeaders;
}

/** Host and Origin first, then who asks, then for which tenant. Throws forbidden, unauthenticated or bad-request. */
export function admit(access: Access, request: AdmittedRequest, need: Need): Visitor {
  guard(access, request);
  const principal = orThrow(access.authenticate(request.headers, need));
  return { name: principal.name, tenant: orThrow(tenantOf(request.headers, principal)) };
}

/** Host and Origin only: for pages that anybody may read. */
export function guard(access: Access, request: AdmittedRequest): void {
  const refused = access.guard(request);
  if (refused !== undefined) throw refused;
}
