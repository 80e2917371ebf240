import type { z } from "zod";
import { FAILURES } from "#runtime/failure.ts";
import { printable } from "./html.ts";
import type { Route } from "./route.ts";

/** The API for people: one page, no script, its style under a nonce. */
export function docsPage(routes: readonly Route[], version: string, nonce: string): string {
  const groups = new Map<string, Route[]>();
  for (const route of routes) {
    const group = route.path.split("/")[1]!;
    groups.set(group, [...(groups.get(group) ?? []), route]);
  }
  const sections = [...groups].map(
    ([group, list]) =>
      `<section id="${printable(group)}"><h2>${printable(group)}</h2>${list.map(article).join("")}</section>`,
  );
  const failures = Object.entries(FAILURES).map(
    ([code, { status, remedy }]) =>
      `<tr><td><code>${printable(code)}</code></td><td>${status}</td><td>${prose(remedy)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Traceo API</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header><h1>Traceo API <small>${printable(version)}</small></h1>
<p>The same as <a href="/api/openapi.json">OpenAPI 3.1</a>. Tenant: header <code>X-Scope-OrgID</code>. Tokens: <code>Authorization: Bearer …</code>.
Times in answers are decimal strings of Unix nanoseconds (<code>time</code>) or numbers of Unix milliseconds (<code>…Ms</code>); durations are nanoseconds.
Errors are <code>application/problem+json</code> with a <code>code</code> and a <code>remedy</code>.</p>
<nav>${[...groups.keys()].map((group) => `<a href="#${printable(group)}">${printable(group)}</a>`).join(" ")} <a href="#errors">errors</a></nav></header>
<main>
${sections.join("\n")}
<section id="errors"><h2>errors</h2><table><thead><tr><th>code</th><th>status</th><th>what to do</th></tr></thead><tbody>${failures.join("")}</tbody></table></section>
</main>
</body>
</html>
`;
}

function article(route: Route): string {
  const parameters = [
    ...Object.entries(route.pathParameters.shape).map(([name, schema]) => row(name, "path", schema as z.ZodType)),
    ...Object.entries(route.query.shape).map(([name, schema]) => row(name, "query", schema as z.ZodType)),
  ];
  const table =
    parameters.length === 0
      ? ""
      : `<table><thead><tr><th>parameter</th><th>in</th><th>default</th><th></th></tr></thead><tbody>${parameters.join("")}</tbody></table>`;
  return `<article><h3><span class="method">${route.method.toUpperCase()}</span> <code>/api${printable(route.path)}</code></h3>
<p>${prose(route.summary)}.${route.description === undefined ? "" : ` ${prose(route.description)}`}</p>${table}</article>`;
}

function row(name: string, place: string, schema: z.ZodType): string {
  const standard = schema.safeParse(undefined);
  const shown =
    place === "path" || !standard.success
      ? "required"
      : standard.data === undefined
        ? ""
        : JSON.stringify(standard.data);
  return `<tr><td><code>${printable(name)}</code></td><td>${place}</td><td>${printable(shown)}</td><td>${prose(schema.description ?? "")}</td></tr>`;
}

/** Text with `code` in it. */
function prose(text: string): string {
  return printable(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#e6e8ea, #2a2e34); --quiet: light-dark(#4a4d53, #adb1b8); --panel: light-dark(#f2f3f6, #14171d); }
body { font: 14px/1.5 Inter, system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; background: light-dark(#fdffff, #0b0e14); color: light-dark(#181b1f, #e7ebf2); }
h1 { font-size: 28px; } h1 small { font-size: 14px; color: var(--quiet); } h2 { font-size: 20px; margin-top: 2.5rem; border-bottom: 1px solid var(--line); } h3 { font-size: 16px; margin-bottom: 0; }
code { font: 13px "JetBrains Mono", ui-monospace, monospace; background: var(--panel); padding: 1px 4px; border-radius: 3px; }
.method { color: light-dark(#1d60bc, #6aa7f4); font-weight: 600; }
a { color: light-dark(#1d60bc, #6aa7f4); } nav a { margin-right: 8px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 4px 8px; border-bottom: 1px solid var(--line); } th { color: var(--quiet); font-weight: 500; }
`;
