import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { column } from "#plan/expression.ts";
import { resolveField } from "./field.ts";
import { filtersPredicate } from "./filter-predicate.ts";
import { searchLogs } from "./log-search.ts";
import { readMetric } from "./metric-series.ts";
import type { Question } from "./question.ts";
import { readFacet } from "./record-facet.ts";
import { readHistogram } from "./record-histogram.ts";
import { listServices } from "./service-list.ts";
import { searchSpans } from "./span-search.ts";
import { nano, openTestStore, type TestStore } from "./test-store.suite.ts";
import { textPredicate } from "./text-search.ts";
import { searchTraces } from "./trace-search.ts";
import { readTrace } from "./trace-structure.ts";

const HOUR = 3_600_000;
let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.addSpans(
    Array.from({ length: 200 }, (_, index) => ({
      at: index * 60_000,
      ms: 10 + index,
      trace: (index + 1).toString(16).padStart(32, "0"),
      span: (index + 1).toString(16).padStart(16, "0"),
      service: index % 2 === 0 ? "cart" : "checkout",
      name: `GET /${index % 5}`,
      kind: "server",
      attributes: { "http.route": `/${index % 5}` },
      resource: { "service.version": "1.2.0" },
    })),
  );
  await store.addLogs([{ at: 5000, body: "Connection refused by 10.0.0.7", severity: 17, service: "cart" }]);
  await store.addSeries([
    {
      metric: "http.requests",
      type: "sum",
      temporality: "cumulative",
      monotonic: true,
      points: [
        { at: HOUR - 60_000, value: 1 },
        { at: HOUR - 30_000, value: 2 },
      ],
    },
  ]);
});
afterAll(() => store[Symbol.asyncDispose]());

const lastHours = (hours: number) => ({ fromUnixNano: nano(HOUR * (4 - hours)), toUnixNano: nano(HOUR * 4) });
const where = (...filters: Parameters<typeof filtersPredicate>[1]) => filtersPredicate("spans", filters);

/** Readable questions, each with what is asked of the engine for it. The file beside is the specification. */
const QUESTIONS: readonly (readonly [title: string, ask: (question: Question) => Promise<unknown>])[] = [
  ["services of the last four hours come from span_stats", (question) => listServices(question, lastHours(4))],
  [
    "services filtered by an attribute need the spans, and read its own column",
    (question) => listServices(question, lastHours(1), where({ field: "http.route", op: "=", values: ["/1"] })),
  ],
  ["a trace by its id is looked for where `traces` says", (question) => readTrace(question, "7".padStart(32, "0"))],
  [
    "traces with a span that meets filters, newest first",
    (question) =>
      searchTraces(question, {
        range: lastHours(4),
        where: where(
          { field: "service", op: "=", values: ["cart"] },
          { field: "duration", op: ">=", values: ["50ms"] },
          { field: "resource.service.version", op: "=", values: ["1.2.0"] },
        ),
        minDurationNs: undefined,
        sort: "start",
        limit: 2,
        after: undefined,
      }),
  ],
  [
    "the slowest spans of a day are read in the minutes that can have them",
    (question) =>
      searchSpans(question, {
        range: lastHours(4),
        where: where({ field: "service", op: "=", values: ["cart"] }),
        sort: "duration",
        limit: 3,
        after: undefined,
      }),
  ],
  [
    "log lines by words and severity: first the times of the page, then its rows",
    (question) =>
      searchLogs(question, {
        range: lastHours(4),
        where: {
          kind: "and",
          of: [
            filtersPredicate("logs", [{ field: "severity", op: ">=", values: ["error"] }])!,
            textPredicate(column("body"), 'refused -timeout "connection refused"')!,
          ],
        },
        order: "newest",
        limit: 10,
        after: undefined,
      }),
  ],
  [
    "a histogram of logs in whole minutes comes from log_stats",
    (question) =>
      readHistogram(question, "logs", {
        range: { fromUnixNano: nano(1), toUnixNano: nano(HOUR * 4 - 1) },
        where: undefined,
        groupBy: resolveField("logs", "severity"),
        buckets: 30,
      }),
  ],
  [
    "a facet of a resource attribute reads the resource's JSON",
    (question) =>
      readFacet(question, "spans", {
        range: lastHours(1),
        where: where({ field: "tier.name", op: "!=", values: ["gold"] }),
        field: resolveField("spans", "resource.service.version"),
        limit: 5,
      }),
  ],
  [
    "the rate of a counter",
    (question) =>
      readMetric(question, {
        metric: "http.requests",
        range: { fromUnixNano: nano(0), toUnixNano: nano(HOUR) },
        where: undefined,
        groupBy: [],
        aggregate: undefined,
        stepNs: undefined,
        limit: 5,
      }),
  ],
];

describe("EXPLAIN", () => {
  it("shows what is asked of the engine, after policy and rules (`npx vitest run -u` rewrites the file)", async () => {
    const parts: string[] = [];
    for (const [title, ask] of QUESTIONS) {
      const question = store.question("default", HOUR * 4);
      await ask(question);
      parts.push(`## ${title}\n\n${question.explain(false)}`);
    }
    await expect(parts.join("\n")).toMatchFileSnapshot("./explain.golden.txt");
  });
});
