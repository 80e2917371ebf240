import { z } from "zod";
import { NEEDS } from "#access/principal.ts";
import { orThrow } from "../problem.ts";
import { route } from "../route.ts";

const session = z
  .object({
    name: z.string().describe("The token's name."),
    needs: z.array(z.enum(["ingest", "read", "admin"])).describe("What the token permits."),
    tenants: z.array(z.string()).nullable().describe("Tenants it may name; null is every tenant."),
  })
  .meta({ id: "Session" });

export const openSessionRoute = route({
  method: "post",
  path: "/session",
  summary: "Trade a token for a browser session",
  description:
    "Sets an HttpOnly, SameSite=Strict cookie of twelve hours. Without a token file there is nothing to trade.",
  pathParameters: z.object({}),
  query: z.object({}),
  body: z.strictObject({ token: z.string().min(1).max(1000) }),
  answer: session,
  need: "nobody",
  async handle({ body, dependencies }) {
    const { principal, cookie } = orThrow(dependencies.access.openSession(body.token));
    const { name, needs, tenants } = principal;
    return new Response(
      JSON.stringify({ name, needs: NEEDS.filter((need) => needs.has(need)), tenants: tenants ?? null }),
      { headers: { "content-type": "application/json", "cache-control": "no-store", "set-cookie": cookie } },
    );
  },
});

export const closeSessionRoute = route({
  method: "delete",
  path: "/session",
  summary: "End the browser session",
  description: "Takes the cookie away; answers 204. A token that is removed from the token file ends its sessions too.",
  pathParameters: z.object({}),
  query: z.object({}),
  answer: z.undefined(),
  need: "nobody",
  async handle({ dependencies }) {
    return new Response(null, {
      status: 204,
      headers: { "cache-control": "no-store", "set-cookie": dependencies.access.closeSession() },
    });
  },
});
