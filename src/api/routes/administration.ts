import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import type { Administration, ApiDependencies } from "../dependencies.ts";
import { route } from "../route.ts";
import { backedUp, erased, quarantine, replayed } from "../schema/administration.ts";

const nothing = { pathParameters: z.object({}), query: z.object({}) };

export const backupRoute = route({
  method: "post",
  path: "/admin/backup",
  summary: "Writes a backup into the data folder's `backup/NAME`",
  ...nothing,
  body: z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/) }),
  need: "admin",
  answer: backedUp,
  handle: ({ body, dependencies }) => administrationOf(dependencies).backup(body.name),
});

export const eraseRoute = route({
  method: "post",
  path: "/admin/erase",
  summary: "Deletes a trace, or everything of a tenant, for good",
  description:
    "Summaries are rebuilt, so that nothing of it is left in counts either. `tenant` must be said twice, as header and here.",
  ...nothing,
  body: z.union([
    z.strictObject({ traceId: z.string().regex(/^[0-9a-f]{32}$/) }),
    z.strictObject({ tenant: z.string().min(1).max(64) }),
  ]),
  need: "admin",
  answer: erased,
  handle: ({ body, visitor, dependencies }) => {
    const { eraseTenant, eraseTrace } = administrationOf(dependencies);
    if ("traceId" in body) return eraseTrace(visitor.tenant, body.traceId);
    if (body.tenant !== visitor.tenant)
      throw new Failure("bad-request", `the header names tenant ${visitor.tenant}, the body ${body.tenant}`, {
        remedy: "Name the tenant in X-Scope-OrgID and in the body.",
      });
    return eraseTenant(body.tenant);
  },
});

export const quarantineRoute = route({
  path: "/admin/quarantine",
  summary: "Loads that the engine refused, put aside",
  ...nothing,
  need: "admin",
  answer: quarantine,
  handle: async ({ dependencies }) => ({ quarantined: [...(await administrationOf(dependencies).quarantined())] }),
});

export const replayRoute = route({
  method: "post",
  path: "/admin/quarantine/{name}/replay",
  summary: "Loads what a quarantine file holds, and removes it",
  pathParameters: z.object({ name: z.string().min(1).max(200) }),
  query: z.object({}),
  need: "admin",
  answer: replayed,
  handle: async ({ path, dependencies }) => ({ records: await administrationOf(dependencies).replay(path.name) }),
});

function administrationOf(dependencies: ApiDependencies): Administration {
  if (dependencies.administration === undefined) throw new Failure("not-found", "nothing is administered here");
  return dependencies.administration;
}
