import { kendallTau, median, medianDeviation } from "#math/robust.ts";
import {
  and,
  as,
  call,
  column,
  compare,
  descending,
  equals,
  isIn,
  literal,
  not,
  or,
  output,
  select,
} from "#plan/expression.ts";
import type { Question } from "../question.ts";
import { parseResource } from "../resource.ts";
import { sparkline } from "../sparkline.ts";
import { type Buckets, unixMs } from "../time.ts";
import type { FoundProblem } from "./problem.ts";
import { sayBytes, sayTime } from "./wording.ts";

const STEP_NS = 10_000_000_000n;
const POINTS = 120;
const MOST_SERIES = 400;
const LEAST_BEFORE = 9;
const LEAST_AFTER = 4;
/** A series without a value in the last minute and a half has ended. */
const ENDED = 9;
const LEAST_GROWTH = 1.4;
const LEAST_GROWTH_BYTES = 24 * 2 ** 20;
const LEAST_WAITING = 2;
/** Steps that somebody must have waited in, one after the other. */
const LEAST_WAITED = 4;

interface GaugeSeries {
  readonly id: string;
  readonly metric: string;
  readonly unit: string;
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly values: (number | null)[];
}

/**
 * Memory that only grows, and queues that fill: gauges and up-down counters in bytes, and those that count who waits. Looked
 * at in steps of ten seconds over the last twenty minutes, series by series.
 */
export async function findResourceProblems(question: Question): Promise<FoundProblem[]> {
  const end = (question.nowUnixNano / STEP_NS + 1n) * STEP_NS;
  const range = { fromUnixNano: end - BigInt(POINTS) * STEP_NS, toUnixNano: end };
  const buckets: Buckets = { startUnixNano: range.fromUnixNano, stepNs: STEP_NS, count: POINTS };
  const series = await readSeries(question, buckets);
  return series.flatMap((one) => {
    const problem = isBytes(one) ? growth(one, buckets) : waiting(one, buckets);
    return problem === null ? [] : [problem];
  });
}

const isBytes = (series: GaugeSeries): boolean => series.unit === "By" || /memory|heap|rss/.test(series.metric);

async function readSeries(question: Question, buckets: Buckets): Promise<GaugeSeries[]> {
  const range = {
    fromUnixNano: buckets.startUnixNano,
    toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
  };
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "series",
      time: range,
      where: and(
        or(
          equals(column("metric_type"), "gauge"),
          and(equals(column("metric_type"), "sum"), not(equals(column("is_monotonic"), true)))!,
        ),
        {
          kind: "match",
          left: call("lower", column("metric_name")),
          pattern: "memory|heap|rss|pending|waiting|queue|backlog|blocked",
        },
        {
          kind: "not",
          of: { kind: "match", left: call("lower", column("metric_name")), pattern: "limit|ratio|available|total" },
        },
        // What ended before is no trouble now. A series has a row a load, each with the times of its points.
        compare(column("last_time"), ">=", call("time", literal(range.fromUnixNano))),
      ),
      columns: [
        as("id", call("text", column("series_id"))),
        as("metric", call("any", column("metric_name"))),
        as("unit", call("any", column("unit"))),
        as("service", call("any", column("service_name"))),
        as("attributes", call("any", column("attributes"))),
        as("resource", call("any", column("resource"))),
        as("last", call("max", column("last_time"))),
      ],
      groupBy: ["id"],
      orderBy: [descending(output("last"))],
      limit: MOST_SERIES,
    }),
  );
  const metric = frame.strings("metric");
  const unit = frame.strings("unit");
  const service = frame.strings("service");
  const attributes = frame.maps("attributes");
  const resource = frame.strings("resource");
  const series = new Map<string, GaugeSeries>(
    frame.strings("id").map((id, row) => [
      id,
      {
        id,
        metric: metric[row]!,
        unit: unit[row]!,
        service: service[row]!,
        attributes: attributes[row]!,
        resource: Object.fromEntries(parseResource(resource[row]!)),
        values: new Array<number | null>(buckets.count).fill(null),
      },
    ]),
  );
  if (series.size === 0) return [];
  const points = await question.read(
    select({
      tenant: question.tenant,
      from: "points",
      time: range,
      where: and(
        isIn(column("metric_name"), [...new Set(metric)]),
        isIn(column("series_id"), [...series.keys()].map(BigInt)),
      ),
      columns: [
        as("id", call("text", column("series_id"))),
        as("at", call("bucket", column("time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("value", call("max", column("value"))),
      ],
      groupBy: ["id", "at"],
      limit: MOST_SERIES * POINTS,
    }),
  );
  const at = points.numbers("at");
  const value = points.numbers("value");
  for (const [row, id] of points.strings("id").entries()) {
    const one = series.get(id);
    if (one !== undefined && Number.isFinite(value[row]!) && at[row]! >= 0 && at[row]! < buckets.count)
      one.values[at[row]!] = value[row]!;
  }
  return [...series.values()];
}

/** Bytes that rose, without falling back, well above what they were. */
function growth(series: GaugeSeries, buckets: Buckets): FoundProblem | null {
  const known = present(series, buckets);
  if (known === null || known.length < LEAST_BEFORE + LEAST_AFTER) return null;
  const values = known.map(({ value }) => value);
  const now = median(values.slice(-3));
  const early = median(values.slice(0, Math.max(LEAST_BEFORE, values.length >> 1)));
  // From the first value that stays beyond what they were before the rise.
  let split = values.length;
  while (split > 0 && values[split - 1]! > early + (now - early) * 0.15) split--;
  const before = values.slice(0, split);
  const after = values.slice(split);
  if (before.length < LEAST_BEFORE || after.length < LEAST_AFTER) return null;
  const usual = median(before);
  if (now < LEAST_GROWTH * usual || now - usual < LEAST_GROWTH_BYTES) return null;
  if (now - usual < 6 * medianDeviation(before) || now < 1.1 * Math.max(...before)) return null;
  if (kendallTau([...after.keys()], after) < 0.6) return null;
  const sinceMs = timeOf(buckets, known[split]!.at);
  return describe(series, buckets, sinceMs, {
    title: `${series.service}: ${series.metric} grows`,
    brief: `${series.service} ${series.metric} grows to ${sayBytes(now)}`,
    detail: `${sayBytes(now)}, and ${sayBytes(usual)} before ${sayTime(sinceMs)}; it has not fallen back since.`,
    now,
    before: usual,
    unit: "bytes",
    score: 0.45 + 0.1 * Math.min(3, Math.log2(now / usual)),
  });
}

/** The values that are there; null where the series has ended: what is gone does not grow. */
function present(series: GaugeSeries, buckets: Buckets): { at: number; value: number }[] | null {
  const known = series.values.flatMap((value, at) => (value === null ? [] : [{ at, value }]));
  const last = known.at(-1);
  return last === undefined || last.at < buckets.count - ENDED ? null : known;
}

/** Somebody waits all the time where nobody, or far fewer, did: the least of now is more than the most of before. */
function waiting(series: GaugeSeries, buckets: Buckets): FoundProblem | null {
  const known = present(series, buckets);
  if (known === null) return null;
  const now = median(known.slice(-LEAST_WAITED).map(({ value }) => value));
  let split = known.length;
  while (split > 0 && known[split - 1]!.value >= Math.max(LEAST_WAITING, now / 3)) split--;
  const before = known.slice(0, split).map(({ value }) => value);
  const after = known.slice(split).map(({ value }) => value);
  if (before.length < LEAST_BEFORE || after.length < LEAST_WAITED) return null;
  const usual = median(before);
  if (Math.min(...after) <= Math.max(...before) || now < 3 * Math.max(usual, 0.5)) return null;
  const sinceMs = timeOf(buckets, known[split]!.at);
  return describe(series, buckets, sinceMs, {
    title: `${series.service}: ${series.metric} fills up`,
    brief: `${series.service} ${series.metric} at ${Math.round(now)}`,
    detail: `${Math.round(now)} since ${sayTime(sinceMs)}; before it was ${Math.round(usual)}.`,
    now,
    before: usual,
    unit: "count",
    score: 0.5,
  });
}

function timeOf(buckets: Buckets, at: number): number {
  return unixMs(buckets.startUnixNano + BigInt(at) * buckets.stepNs);
}

function describe(
  series: GaugeSeries,
  buckets: Buckets,
  sinceMs: number,
  said: Pick<FoundProblem, "title" | "brief" | "detail" | "now" | "before" | "unit" | "score">,
): FoundProblem {
  const instance = series.resource["service.instance.id"];
  return {
    ...said,
    id: `resource:${series.service}:${series.metric}:${series.id}`,
    kind: "resource",
    service: series.service,
    operation: null,
    sinceMs,
    sparkline: sparkline(buckets, series.values),
    differences: [],
    target: {
      view: "metrics",
      metric: series.metric,
      fromMs: timeOf(buckets, 0),
      toMs: timeOf(buckets, buckets.count),
      where: [
        { field: "service", op: "=", values: [series.service] },
        ...(instance === undefined
          ? []
          : [{ field: "resource.service.instance.id", op: "=" as const, values: [instance] }]),
      ],
    },
  };
}
