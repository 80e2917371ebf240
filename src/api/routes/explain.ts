import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import { integer, listParameters, readParameters, validate } from "../parameters.ts";
import { findRoute, type Route, route } from "../route.ts";

/**
 * Runs another route for real and answers its reads as text: the Select after policy and planner rules, which rules changed
 * it and why, what it cost, the SQL with its parameters. Later reads may depend on what earlier ones found, so nothing less
 * than running it would be true.
 */
export function explainRoute(routes: () => readonly Route[]) {
  return route({
    path: "/explain",
    summary: "How another GET is answered: its plan, the rules that changed it, its cost",
    pathParameters: z.object({}),
    query: z.object({
      path: z
        .string()
        .max(20_000)
        .describe("Path and search of the GET to explain, as `/api/traces?where=status+%3D+error`."),
      costs: integer(0, 1).default(1).describe("1 to show rows and times, 0 for what is the same every time."),
    }),
    answer: z.string(),
    answerType: "text/plain",
    async handle(request): Promise<Response> {
      const asked = new URL(request.query.path, "http://localhost");
      const found = findRoute(routes(), "get", asked.pathname);
      if (found === undefined || !found.route.explained)
        throw new Failure("bad-request", "path: names no GET that is answered by plans alone", {
          remedy: "Name one of the list in /api/docs, with its parameters.",
        });
      const { route: explained, path } = found;
      await explained.handle({
        ...request,
        path: validate(explained.pathParameters, path),
        query: validate(explained.query.strict(), readParameters(asked.searchParams, listParameters(explained.query))),
      } as never);
      return new Response(request.question.explain(request.query.costs === 1), {
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
      });
    },
  });
}
