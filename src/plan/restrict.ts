import type { Select } from "./select.ts";
import { mapSelects } from "./walk.ts";

/**
 * The one place where access policy meets a read: whatever was asked, the answer is made of this tenant's rows. A policy that
 * hides rows or masks fields rewrites the Select here, before any planner rule sees it.
 */
export function restrict(select: Select, tenant: string): Select {
  return mapSelects(select, (each) => ({ ...each, tenant }));
}
