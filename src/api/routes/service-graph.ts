import { z } from "zod";
import { listOperations } from "#query/operation-list.ts";
import { readServiceGraph } from "#query/service-graph.ts";
import type { Operations, ServiceGraph } from "../contract/shapes.ts";
import { predicateOf, RANGE_PARAMETERS, rangeOf, TIME_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { operations, serviceGraph } from "../schema/service-graph.ts";

export const operationsRoute = route({
  path: "/services/{service}/operations",
  summary: "What one service does, by span name and kind",
  pathParameters: z.object({ service: z.string().min(1).max(1024) }),
  query: z.object({ ...RANGE_PARAMETERS }),
  answer: operations,
  explained: true,
  async handle({ path, query, question }): Promise<Operations> {
    const range = rangeOf(query, question.nowUnixNano);
    const found = await listOperations(question, path.service, range, predicateOf("spans", query.where));
    return { operations: found, statistics: question.statistics };
  },
});

export const serviceGraphRoute = route({
  path: "/service-graph",
  summary: "Who calls whom, with rate, errors and durations",
  description: "A call that no service answered for leads to its peer: a database, a queue, or something outside.",
  pathParameters: z.object({}),
  query: z.object({ ...TIME_PARAMETERS }),
  answer: serviceGraph,
  explained: true,
  async handle({ query, question }): Promise<ServiceGraph> {
    const graph = await readServiceGraph(question, rangeOf(query, question.nowUnixNano));
    return { ...graph, statistics: question.statistics };
  },
});
