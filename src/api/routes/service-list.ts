import { z } from "zod";
import { readServiceGraph } from "#query/service-graph.ts";
import { listServices } from "#query/service-list.ts";
import { listOperations } from "#query/service-operations.ts";
import type { Operations, ServiceGraph, Services } from "../contract/shapes.ts";
import { integer, predicateOf, RANGE_PARAMETERS, rangeOf, TIME_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { operations, serviceGraph, services } from "../schema/service-list.ts";

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

export const operationsRoute = route({
  path: "/services/{service}/operations",
  summary: "What one service does, by span name and kind",
  pathParameters: z.object({ service: z.string().max(1000) }),
  query: z.object({ ...RANGE_PARAMETERS, limit: integer(1, 1000).default(200) }),
  answer: operations,
  explained: true,
  async handle({ path, query, question }): Promise<Operations> {
    const found = await listOperations(question, path.service, {
      range: rangeOf(query, question.nowUnixNano),
      where: predicateOf("spans", query.where),
      limit: query.limit,
    });
    return { operations: found, statistics: question.statistics };
  },
});

export const serviceGraphRoute = route({
  path: "/service-graph",
  summary: "Who calls whom",
  description:
    "Over six hours or more the range is widened to whole hours. `statistics.partial` says that only a sample of the traces was paired.",
  pathParameters: z.object({}),
  query: z.object(TIME_PARAMETERS),
  answer: serviceGraph,
  explained: true,
  async handle({ query, question }): Promise<ServiceGraph> {
    const found = await readServiceGraph(question, rangeOf(query, question.nowUnixNano));
    return { ...found, statistics: question.statistics };
  },
});
