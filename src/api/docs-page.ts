import { createHash } from "node:crypto";
import type { OpenApi, Operation, Parameter } from "./openapi.ts";

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dce2, #353a43); --soft: light-dark(#5b6472, #9aa4b2); --code: light-dark(#f2f4f7, #1c2027); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem 6rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font: 600 1rem/1.5 ui-monospace, monospace; margin: 0; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: 1.25rem 0; }
code, pre { font: .875em/1.5 ui-monospace, monospace; background: var(--code); border-radius: 4px; }
code { padding: .1em .3em; }
pre { padding: .75rem; overflow-x: auto; margin: .5rem 0 0; }
pre code { padding: 0; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-top: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); border: 0; }
p { margin: .35rem 0; }
.soft { color: var(--soft); }
nav { columns: 20rem; margin: 1.5rem 0; }
nav a { display: block; font: .875rem/1.7 ui-monospace, monospace; overflow-wrap: anywhere; }
a { color: inherit; }
`;

/** The description as one page: no script, nothing from elsewhere. `styleHash` is for its Content-Security-Policy. */
export function printDocs(api: OpenApi): { readonly html: string; readonly styleHash: string } {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Traceo API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Traceo API ${escapeHtml(String(api.info["version"]))}</h1>
<p>${prose(String(api.info["description"]))} Machines read <a href="/api/openapi.json">/api/openapi.json</a>.</p>
<nav>
${operations.map(({ method, path, operation }) => `<a href="#${operation.operationId}">${method.toUpperCase()} ${escapeHtml(path)}</a>`).join("\n")}
</nav>
${operations.map(({ method, path, operation }) => printOperation(method, path, operation)).join("\n")}
<h1>Shapes</h1>
${Object.entries(api.components.schemas)
  .map(([name, schema]) => `<section id="shape-${name}"><h2>${escapeHtml(name)}</h2>${printJson(schema)}</section>`)
  .join("\n")}
</body>
</html>
`;
  return { html, styleHash: `sha256-${createHash("sha256").update(STYLE).digest("base64")}` };
}

function printOperation(method: string, path: string, operation: Operation): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const answer = schemaOf(responses["2XX"]);
  const body = requestBody === undefined ? undefined : schemaOf(requestBody);
  return `<section id="${operationId}">
<h2>${method.toUpperCase()} ${escapeHtml(path)}</h2>
<p>${prose(summary)}</p>
${description === undefined ? "" : `<p class="soft">${prose(description)}</p>`}
${parameters.length === 0 ? "" : printParameters(parameters)}
${body === undefined ? "" : `<p>Body</p>${printShape(body)}`}
${answer === undefined ? "" : `<p>Answer</p>${printShape(answer)}`}
</section>`;
}

function printParameters(parameters: readonly Parameter[]): string {
  const rows = parameters.map(
    ({ name, in: where, required, description = "", schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td class="soft">${where}${required ? ", required" : ""}</td><td>${prose(description)}</td><td class="soft">${escapeHtml(typeText(schema))}</td></tr>`,
  );
  return `<table><tr><th>Parameter</th><th>In</th><th>Meaning</th><th>Type</th></tr>${rows.join("")}</table>`;
}

/** `"text", standard "now-15m"`: short words for a parameter's schema. */
function typeText(schema: Readonly<Record<string, unknown>>): string {
  const { type, enum: values, default: standard, items } = schema;
  const inner = items as Readonly<Record<string, unknown>> | undefined;
  const name = Array.isArray(values)
    ? values.join(" | ")
    : inner === undefined
      ? String(type ?? "any")
      : `several ${typeText(inner)}`;
  return standard === undefined ? name : `${name}, default ${JSON.stringify(standard)}`;
}

function printShape(schema: Readonly<Record<string, unknown>>): string {
  const reference = /^#\/components\/schemas\/(\w+)$/.exec(String(schema["$ref"] ?? ""))?.[1];
  return reference === undefined ? printJson(schema) : `<p><a href="#shape-${reference}">${reference}</a></p>`;
}

function printJson(value: unknown): string {
  return `<pre><code>${escapeHtml(JSON.stringify(value, null, 2))}</code></pre>`;
}

function schemaOf(of: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, unknown>> | undefined {
  const content = of?.["content"] as Readonly<Record<string, { schema?: Record<string, unknown> }>> | undefined;
  return content?.["application/json"]?.schema;
}

/** Text with `code` in it. */
function prose(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
