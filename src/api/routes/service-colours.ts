import { z } from "zod";
import { recentServices } from "#query/service-names.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import type { Documents } from "#state/documents.ts";
import type { ServiceColours } from "../contract/shapes.ts";
import { route } from "../route.ts";
import { serviceColours } from "../schema/documents.ts";
import { documentsOf } from "./documents.ts";

const SLOTS = 8;
/** Services that are remembered; later ones share slots by the length of the list. */
const MOST_SERVICES = 5000;
const ATTEMPTS = 5;

const order = z.array(z.string());

export const serviceColoursRoute = route({
  path: "/service-colours",
  summary: "Colour slot of every service, by order of first sight",
  description:
    "Kept on the server, so that a service has one colour for everybody and for good. From the ninth on slots are shared.",
  pathParameters: z.object({}),
  query: z.object({}),
  answer: serviceColours,
  async handle({ question, visitor, dependencies }): Promise<ServiceColours> {
    const names = await remember(documentsOf(dependencies), visitor.tenant, await recentServices(question));
    return { slots: Object.fromEntries(names.map((name, index) => [name, index % SLOTS])) };
  },
});

/** The services in order of first sight, the new ones among those given added at the end. */
async function remember(documents: Documents, tenant: string, services: readonly string[]): Promise<readonly string[]> {
  const key = { tenant, kind: "service-colours", id: "order" };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await documents.get(key);
    const known = stored === undefined ? [] : order.parse(stored.content);
    const there = new Set(known);
    const names = [...known, ...services.filter((service) => !there.has(service))].slice(0, MOST_SERVICES);
    if (names.length === known.length) return names;
    try {
      await documents.put(key, names, stored?.version ?? "absent");
      return names;
    } catch (error) {
      // Another browser saw the service at the same moment: look again, it has its slot now.
      if (!isFailure(error, "conflict")) throw error;
    }
  }
  throw new Failure("conflict", "the service colours were being changed all the time");
}
