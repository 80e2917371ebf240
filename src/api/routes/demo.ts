import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import type { DemoReveal, DemoState } from "../contract/shapes.ts";
import type { ApiDependencies, DemoControl } from "../dependencies.ts";
import { route } from "../route.ts";
import { demoReveal, demoState } from "../schema/documents.ts";

const nothing = { pathParameters: z.object({}), query: z.object({}) };

export const demoRoute = route({
  path: "/demo",
  summary: "Whether the demo shop runs, and whether it is broken (in the demo only)",
  ...nothing,
  answer: demoState,
  async handle({ dependencies }): Promise<DemoState> {
    return controlOf(dependencies).state();
  },
});

export const demoBreakRoute = route({
  method: "post",
  path: "/demo/break",
  summary: "Breaks something in the demo shop, without saying what",
  ...nothing,
  need: "admin",
  answer: demoState,
  handle({ dependencies }): Promise<DemoState> {
    return controlOf(dependencies).break();
  },
});

export const demoRevealRoute = route({
  method: "post",
  path: "/demo/reveal",
  summary: "Says what was broken in the demo shop, and mends it",
  ...nothing,
  need: "admin",
  answer: demoReveal,
  handle({ dependencies }): Promise<DemoReveal> {
    return controlOf(dependencies).reveal();
  },
});

function controlOf(dependencies: ApiDependencies): DemoControl {
  if (dependencies.demo === undefined)
    throw new Failure("not-found", "this is not the demo", { remedy: "Start it with `traceo demo`." });
  return dependencies.demo;
}
