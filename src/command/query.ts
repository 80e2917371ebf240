import type { Logs, Metrics, Services, SpanDetail, Spans, Trace, Traces } from "#api/contract/shapes.ts";
import { type ApiClient, CLIENT_OPTIONS, openClient, text, texts } from "./api-client.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { printable, printNanoseconds, printTable, printTime } from "./table.ts";

type Parameters = (readonly [string, string])[];

export const query: Command = {
  name: "query",
  summary: "Ask a running Traceo for traces, spans, logs, services or metrics.",
  usage: "WHAT [options]",
  description: [
    "WHAT is one of",
    "  traces           traces that have a span matching every filter",
    "  trace ID         one trace as a tree",
    "  span TRACE SPAN  one span with its attributes, events and links",
    "  spans            single spans",
    '  logs [TEXT]      log lines, by words and "phrases"',
    "  services         services with rate, errors and duration",
    "  metrics [TEXT]   metrics by name",
    "",
    "Filters are written `field operator value`: `service = checkout`, `duration > 500ms`, `attributes.http.route = /cart`,",
    '`severity >= warn`, `body ~ "connection refused"`.',
  ].join("\n"),
  options: {
    ...CLIENT_OPTIONS,
    where: { type: "strings", short: "w", value: "FILTER", help: "A filter; repeatable, all must hold." },
    from: { type: "string", value: "TIME", help: "Start: RFC 3339, Unix milliseconds or now-1h (default now-15m)." },
    to: { type: "string", value: "TIME", help: "End (default now)." },
    sort: {
      type: "string",
      value: "ORDER",
      help: "traces and spans: start, duration or errors; logs: newest or oldest.",
    },
    limit: { type: "string", short: "n", value: "N", help: "Rows at most (default 20)." },
    json: { type: "boolean", help: "Print the API's answer as JSON." },
  },
  examples: [
    "traceo query traces -w 'service = checkout' -w 'status = error' --sort duration",
    "traceo query trace 0af7651916cd43dd8448eb211c80319c",
    `traceo query logs '"connection refused"' -w 'severity >= error' --from now-1h`,
  ],
  run: async (invocation) => {
    const [what, ...rest] = invocation.positionals;
    const form = what === undefined || !Object.hasOwn(FORMS, what) ? undefined : FORMS[what]!;
    if (form === undefined) {
      invocation.err(`traceo query: say what to ask for: ${Object.keys(FORMS).join(", ")}.\n`);
      return EXIT.usage;
    }
    const parameters: Parameters = texts(invocation, "where").map((filter) => ["where", filter] as const);
    for (const name of ["from", "to", "sort"] as const) {
      const value = text(invocation, name);
      if (value !== undefined) parameters.push([what === "logs" && name === "sort" ? "order" : name, value]);
    }
    parameters.push(["limit", text(invocation, "limit") ?? "20"]);
    return form(openClient(invocation), parameters, rest, invocation);
  },
};

type Form = (
  client: ApiClient,
  parameters: Parameters,
  rest: readonly string[],
  invocation: Invocation,
) => Promise<number>;

const FORMS: Readonly<Record<string, Form>> = {
  traces: async (client, parameters, _, invocation) => {
    const answer = await client.get<Traces>("/api/traces", parameters);
    return print(invocation, answer, () =>
      printTable(
        ["time", "duration", "spans", "errors", "root", "trace"],
        answer.traces.map((trace) => [
          printTime(trace.time),
          printNanoseconds(trace.durationNs),
          String(trace.spanCount),
          String(trace.errorCount),
          printable(`${trace.rootService ?? "?"} ${trace.rootName ?? "(root not arrived)"}`),
          trace.traceId,
        ]),
      ),
    );
  },
  trace: async (client, _, [id], invocation) => {
    if (id === undefined) return missing(invocation, "trace ID");
    const trace = await client.get<Trace>(`/api/traces/${encodeURIComponent(id)}`);
    return print(invocation, trace, () => printTree(trace));
  },
  span: async (client, _, [traceId, spanId], invocation) => {
    if (traceId === undefined || spanId === undefined) return missing(invocation, "span TRACE SPAN");
    const span = await client.get<SpanDetail>(
      `/api/traces/${encodeURIComponent(traceId)}/spans/${encodeURIComponent(spanId)}`,
    );
    return print(invocation, span, () =>
      printTable(
        ["field", "value"],
        [
          ["service", printable(span.service)],
          ["name", printable(span.name)],
          ["kind", span.kind],
          ["status", printable(`${span.status} ${span.statusMessage}`)],
          ["time", printTime(span.time)],
          ["duration", printNanoseconds(span.durationNs)],
          ...Object.entries(span.attributes).map(([key, value]) => [printable(key), printable(value)]),
          ...Object.entries(span.resource).map(([key, value]) => [`resource ${printable(key)}`, printable(value)]),
          ...span.events.map((event) => [
            `event ${printTime(event.time)}`,
            printable(`${event.name} ${JSON.stringify(event.attributes)}`),
          ]),
        ],
      ),
    );
  },
  spans: async (client, parameters, _, invocation) => {
    const answer = await client.get<Spans>("/api/spans", parameters);
    return print(invocation, answer, () =>
      printTable(
        ["time", "duration", "status", "span", "trace"],
        answer.spans.map((span) => [
          printTime(span.time),
          printNanoseconds(span.durationNs),
          span.status,
          printable(`${span.service} ${span.name}`),
          span.traceId,
        ]),
      ),
    );
  },
  logs: async (client, parameters, words, invocation) => {
    if (words.length > 0) parameters.push(["text", words.join(" ")]);
    const answer = await client.get<Logs>("/api/logs", parameters);
    return print(invocation, answer, () =>
      answer.logs
        .map(
          (log) =>
            `${printTime(log.time)} ${(log.severityText || "-").padEnd(5)} ${printable(log.service)}: ${printable(log.body)}\n`,
        )
        .join(""),
    );
  },
  services: async (client, parameters, _, invocation) => {
    // The API answers all services; how many are printed is ours to say.
    const asked = parameters.filter(([name]) => name !== "limit");
    const { services, ...rest } = await client.get<Services>("/api/services", asked);
    const most = Number(parameters.find(([name]) => name === "limit")?.[1]);
    const answer: Services = { ...rest, services: services.slice(0, Number.isNaN(most) ? undefined : most) };
    const time = (ns: number | null): string => (ns === null ? "-" : printNanoseconds(ns));
    return print(invocation, answer, () =>
      printTable(
        ["service", "rate/s", "errors", "p50", "p95", "p99"],
        answer.services.map((row) => [
          printable(row.service),
          row.ratePerSecond.toPrecision(3),
          `${(row.errorRatio * 100).toPrecision(3)}%`,
          time(row.p50Ns),
          time(row.p95Ns),
          time(row.p99Ns),
        ]),
      ),
    );
  },
  metrics: async (client, parameters, words, invocation) => {
    if (words.length > 0) parameters.push(["search", words.join(" ")]);
    const answer = await client.get<Metrics>("/api/metrics", parameters);
    return print(invocation, answer, () =>
      printTable(
        ["name", "type", "unit", "series", "services"],
        answer.metrics.map((metric) => [
          printable(metric.name),
          metric.type,
          printable(metric.unit),
          String(metric.seriesCount),
          printable(metric.services.join(", ")),
        ]),
      ),
    );
  },
};

function print(invocation: Invocation, answer: unknown, page: () => string): number {
  invocation.out(invocation.options["json"] === true ? `${JSON.stringify(answer)}\n` : page());
  return EXIT.ok;
}

function missing(invocation: Invocation, usage: string): number {
  invocation.err(`traceo query: write \`traceo query ${usage}\`.\n`);
  return EXIT.usage;
}

function printTree(trace: Trace): string {
  const lines = trace.spanId.map((spanId, index) => {
    const status = trace.status[index] === 2 ? " ERROR" : "";
    const orphan = trace.parent[index] === -2 ? " (parent not arrived)" : "";
    const name = printable(`${trace.services[trace.service[index]!]} ${trace.names[trace.name[index]!]}`);
    return `${"  ".repeat(trace.depth[index]!)}${name}  ${printNanoseconds(trace.durationsNs[index]!)} (self ${printNanoseconds(trace.selfNs[index]!)})${status}${orphan}  ${spanId}`;
  });
  return `trace ${trace.traceId}, ${printNanoseconds(trace.durationNs)}, ${trace.spanId.length} spans, ${printTime(trace.time)}\n${lines.join("\n")}\n`;
}
