import { z } from "zod";
import { listServices } from "#query/service-list.ts";
import type { Services } from "../contract/shapes.ts";
import { predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { route } from "../route.ts";
import { services } from "../schema/service-list.ts";

export const servicesRoute = route({
  path: "/services",
  summary: "Services with rate, errors and durations",
  description: "Counts a service's server and consumer spans; all spans of a service that has none of them.",
  pathParameters: z.object({}),
  query: z.object({ ...RANGE_PARAMETERS }),
  answer: services,
  explained: true,
  async handle({ query, question }): Promise<Services> {
    const found = await listServices(question, rangeOf(query, question.nowUnixNano), predicateOf("spans", query.where));
    return { services: found, statistics: question.statistics };
  },
});
