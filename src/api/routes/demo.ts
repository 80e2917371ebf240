import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import type { ApiDependencies, DemoControl } from "../dependencies.ts";
import { route } from "../route.ts";
import { demoReveal, demoState } from "../schema/demo.ts";

const nothing = { pathParameters: z.object({}), query: z.object({}) };

export const demoRoute = route({
  path: "/demo",
  summary: "Demo only: how the demo shop is",
  ...nothing,
  answer: demoState,
  handle: async ({ dependencies }) => demoOf(dependencies).state(),
});

export const demoBreakRoute = route({
  method: "post",
  path: "/demo/break",
  summary: "Demo only: cause one trouble at random",
  description: "Answers `conflict` while one is going on.",
  ...nothing,
  answer: demoState,
  handle: async ({ dependencies }) => demoOf(dependencies).break(),
});

export const demoRevealRoute = route({
  method: "post",
  path: "/demo/reveal",
  summary: "Demo only: say what was broken, and mend it",
  description: "Answers `conflict` when nothing is broken.",
  ...nothing,
  answer: demoReveal,
  handle: async ({ dependencies }) => demoOf(dependencies).reveal(),
});

function demoOf({ demo }: ApiDependencies): DemoControl {
  if (demo === undefined)
    throw new Failure("not-found", "this is no demo", { remedy: "Start one with `traceo demo`." });
  return demo;
}
