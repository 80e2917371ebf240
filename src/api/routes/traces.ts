import { z } from "zod";
import { parseDurationNs } from "#query/duration.ts";
import { searchTraces } from "#query/trace-search.ts";
import { parseTraceId, readTrace } from "#query/trace-structure.ts";
import { Failure } from "#runtime/failure.ts";
import type { Trace, Traces } from "../contract/shapes.ts";
import { decodeCursor, encodeCursor, fingerprint } from "../cursor.ts";
import { pageParameters, predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { route } from "../route.ts";
import { trace, traces } from "../schema/traces.ts";

const position = z.object({ key: z.string().regex(/^-?\d{1,19}$/), traceId: z.string().max(64) });

/** A cursor pins the range, or `now` would move under it. */
const pinned = z.object({ from: z.string().regex(/^\d{1,19}$/), to: z.string().regex(/^\d{1,19}$/), at: position });

export const tracesRoute = route({
  path: "/traces",
  summary: "Traces that have a span matching every filter",
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
    const name = fingerprint([
      "traces",
      question.tenant,
      query.from,
      query.to,
      query.sort,
      query.minDuration,
      ...query.where,
    ]);
    const cursor = query.cursor === undefined ? undefined : decodeCursor(name, query.cursor, pinned);
    const range =
      cursor === undefined
        ? rangeOf(query, question.nowUnixNano)
        : { fromUnixNano: BigInt(cursor.from), toUnixNano: BigInt(cursor.to) };
    const minDurationNs = query.minDuration === undefined ? undefined : parseDurationNs(query.minDuration);
    if (query.minDuration !== undefined && minDurationNs === undefined)
      throw new Failure("bad-request", "minDuration: write a duration as 500ms or 1.5s");
    const found = await searchTraces(question, {
      range,
      where: predicateOf("spans", query.where),
      minDurationNs,
      sort: query.sort,
      limit: query.limit,
      after: cursor?.at,
    });
    return {
      traces: found.traces,
      next:
        found.next === null
          ? null
          : encodeCursor(name, { from: `${range.fromUnixNano}`, to: `${range.toUnixNano}`, at: found.next }),
      statistics: question.statistics,
    };
  },
});

export const traceRoute = route({
  path: "/traces/{traceId}",
  summary: "One trace: its structure as columns",
  pathParameters: z.object({ traceId: z.string().max(64) }),
  query: z.object({}),
  answer: trace,
  explained: true,
  async handle({ path, question }): Promise<Trace> {
    const found = await readTrace(question, parseTraceId(path.traceId));
    return { ...found, statistics: question.statistics };
  },
});
