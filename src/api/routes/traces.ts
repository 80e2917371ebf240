import { z } from "zod";
import { parseDurationNs } from "#query/duration.ts";
import { parseSpanId, readSpan } from "#query/span-detail.ts";
import { compareWithNormal } from "#query/trace-normal.ts";
import { searchTraces } from "#query/trace-search.ts";
import { parseTraceId, readTrace } from "#query/trace-structure.ts";
import { Failure } from "#runtime/failure.ts";
import type { NormalComparison, SpanDetail, Trace, Traces } from "../contract/shapes.ts";
import { readPage } from "../page-cursor.ts";
import { pageParameters, predicateOf, RANGE_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { spanDetail } from "../schema/spans.ts";
import { normal, trace, traces } from "../schema/traces.ts";

const position = z.object({ key: z.string().regex(/^-?\d{1,19}$/), traceId: z.string().max(64) });

export const tracesRoute = route({
  path: "/traces",
  summary: "Traces that have a span matching every filter",
  description:
    "By `start` the traces with the newest matching spans come first. With filters the time range is that of the matching spans, otherwise that of the trace's start.",
  pathParameters: z.object({}),
  query: z.object({
    ...RANGE_PARAMETERS,
    ...pageParameters(50, 500),
    minDuration: z.string().max(40).optional().describe("Least duration of the whole trace, as `500ms`."),
    sort: z.enum(["start", "duration", "errors"]).default("start"),
  }),
  answer: traces,
  explained: true,
  async handle({ query, question }): Promise<Traces> {
    const page = readPage(
      query,
      ["traces", question.tenant, query.sort, query.minDuration, ...query.where],
      position,
      question.nowUnixNano,
    );
    const minDurationNs = query.minDuration === undefined ? undefined : parseDurationNs(query.minDuration);
    if (query.minDuration !== undefined && minDurationNs === undefined)
      throw new Failure("bad-request", "minDuration: write a duration as 500ms or 1.5s");
    const found = await searchTraces(question, {
      range: page.range,
      where: predicateOf("spans", query.where),
      minDurationNs,
      sort: query.sort,
      limit: query.limit,
      after: page.after,
    });
    return { traces: found.traces, next: page.next(found.next), statistics: question.statistics };
  },
});

const traceId = z.string().max(64).describe("32 hexadecimal digits.");

export const traceRoute = route({
  path: "/traces/{traceId}",
  summary: "One trace: its structure as columns",
  description: "Attributes come per opened span, from /traces/{traceId}/spans/{spanId}.",
  pathParameters: z.object({ traceId }),
  query: z.object({}),
  answer: trace,
  explained: true,
  async handle({ path, question }): Promise<Trace> {
    const found = await readTrace(question, parseTraceId(path.traceId));
    return { ...found, statistics: question.statistics };
  },
});

export const spanRoute = route({
  path: "/traces/{traceId}/spans/{spanId}",
  summary: "Everything of one span",
  pathParameters: z.object({ traceId, spanId: z.string().max(32).describe("16 hexadecimal digits.") }),
  query: z.object({}),
  answer: spanDetail,
  explained: true,
  handle({ path, question }): Promise<SpanDetail> {
    return readSpan(question, parseTraceId(path.traceId), parseSpanId(path.spanId));
  },
});

export const normalRoute = route({
  path: "/traces/{traceId}/normal",
  summary: "A trace beside the median of traces with the same root",
  description:
    "Aligned by path of service and name, by own time. The others are the nearest within an hour on either side; failed ones only where there are no others.",
  pathParameters: z.object({ traceId }),
  query: z.object({}),
  answer: normal,
  explained: true,
  async handle({ path, question }): Promise<NormalComparison> {
    const found = await compareWithNormal(question, parseTraceId(path.traceId));
    return { ...found, statistics: question.statistics };
  },
});
