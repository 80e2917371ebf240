import { z } from "zod";
import { printDocs } from "../docs-page.ts";
import { describeRoutes } from "../openapi.ts";
import { type Route, route } from "../route.ts";

const nothing = { pathParameters: z.object({}), query: z.object({}) };

/** The description of `routes()`, which may well hold these two. */
export function openApiRoutes(routes: () => readonly Route[]): readonly Route[] {
  return [
    route({
      path: "/openapi.json",
      summary: "This description (OpenAPI 3.1)",
      ...nothing,
      answer: z.unknown(),
      handle: async ({ dependencies }) => describeRoutes(routes(), dependencies.version),
    }),
    route({
      path: "/docs",
      summary: "This description as a page to read",
      ...nothing,
      answer: z.unknown(),
      async handle({ dependencies }) {
        const { html, styleHash } = printDocs(describeRoutes(routes(), dependencies.version));
        return new Response(html, {
          headers: {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "content-security-policy": `default-src 'none'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
          },
        });
      },
    }),
  ];
}
