import { z } from "zod";
import type { ServiceColours } from "../contract/shapes.ts";
import { route } from "../route.ts";
import { COLOUR_SLOTS, readServiceColours, type Slots } from "../service-colours.ts";

const serviceColours: z.ZodType<ServiceColours> = z
  .object({
    slots: z.record(
      z.string(),
      z
        .int()
        .min(0)
        .max(COLOUR_SLOTS - 1),
    ),
  })
  .meta({ id: "ServiceColours" });

const FRESH_MS = 10_000;
const MOST_TENANTS = 1000;

export function serviceColoursRoute() {
  const cache = new Map<string, { readonly untilMs: number; readonly slots: Slots }>();
  return route({
    path: "/service-colours",
    summary: "The colour slot of each service, the same for everybody",
    description: "Slots 0 to 7 in the order services were first seen; further ones share. A service keeps its slot.",
    pathParameters: z.object({}),
    query: z.object({}),
    answer: serviceColours,
    async handle({ question, dependencies }): Promise<ServiceColours> {
      const nowMs = dependencies.clock.nowMs();
      const known = cache.get(question.tenant);
      if (known !== undefined && nowMs < known.untilMs) return { slots: known.slots };
      const slots = await readServiceColours(question, dependencies.documents, nowMs);
      if (cache.size >= MOST_TENANTS) cache.clear();
      cache.set(question.tenant, { untilMs: nowMs + FRESH_MS, slots });
      return { slots };
    },
  });
}
