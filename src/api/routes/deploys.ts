import { z } from "zod";
import { findDeploys } from "#query/deploys.ts";
import type { Deploys } from "../contract/shapes.ts";
import { rangeOf, TIME_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { deploys } from "../schema/deploys.ts";

export const deploysRoute = route({
  path: "/deploys",
  summary: "When new versions of services were first seen",
  description:
    "From `service.version` of the resources that spans and logs came from. What ran within a day before `from` already is no deploy, nor is an earlier version that comes back.",
  pathParameters: z.object({}),
  query: z.object({ ...TIME_PARAMETERS, service: z.string().max(500).optional() }),
  answer: deploys,
  explained: true,
  async handle({ query, question }): Promise<Deploys> {
    const found = await findDeploys(question, rangeOf(query, question.nowUnixNano), query.service);
    return { deploys: found, statistics: question.statistics };
  },
});
