import { and, as, call, column, descending, isIn, literal, output, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { type SparklineValues, sparkline } from "./sparkline.ts";
import { roundBuckets, wholeMinutes } from "./time.ts";

export interface LogPattern {
  readonly template: string;
  readonly service: string;
  readonly severityNumber: number;
  readonly count: number;
  readonly share: number;
  readonly trend: SparklineValues;
}

const MINUTE_NS = 60_000_000_000n;
const TREND_POINTS = 30;

/**
 * Lines by their template (what is left when the variable parts are taken out), commonest first. With steps of a minute or
 * more the range is widened to whole minutes, so that the summary by the minute can answer. Lines without a template count
 * in the shares and are not listed.
 */
export async function readPatterns(
  question: Question,
  asked: { readonly range: TimeRange; readonly where: Predicate | undefined; readonly limit: number },
): Promise<readonly LogPattern[]> {
  const buckets = roundBuckets(asked.range, TREND_POINTS);
  const range = buckets.stepNs % MINUTE_NS === 0n ? wholeMinutes(asked.range) : asked.range;
  const groups = [
    as("template", column("template")),
    as("service", column("service_name")),
    as("severity", column("severity_number")),
  ];
  const names = groups.map((group) => group.as);
  const found = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: range,
      where: asked.where,
      columns: [
        ...groups,
        as("count", call("count")),
        as("all", call("overAll", call("count"))),
        as("named", test({ kind: "exists", left: column("template") })),
      ],
      groupBy: [...names, "named"],
      orderBy: [
        descending(output("named")),
        descending(output("count")),
        { by: output("template"), descending: false },
      ],
      limit: asked.limit,
    }),
  );
  const service = found.strings("service");
  const severity = found.numbers("severity");
  const count = found.numbers("count");
  const template = found.strings("template").filter((each) => each !== "");
  if (template.length === 0) return [];
  const trend = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: range,
      where: and(asked.where, isIn(column("template"), [...new Set(template)])),
      columns: [
        ...groups,
        as("bucket", call("bucket", column("time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("count", call("count")),
      ],
      groupBy: [...names, "bucket"],
      limit: 200_000,
    }),
  );
  const key = (...parts: readonly (string | number)[]): string => JSON.stringify(parts);
  const lines = new Map<string, number[]>();
  const trendService = trend.strings("service");
  const trendSeverity = trend.numbers("severity");
  const trendBucket = trend.numbers("bucket");
  const trendCount = trend.numbers("count");
  for (const [row, each] of trend.strings("template").entries()) {
    const name = key(each, trendService[row]!, trendSeverity[row]!);
    let list = lines.get(name);
    if (list === undefined) {
      list = new Array<number>(buckets.count).fill(0);
      lines.set(name, list);
    }
    const at = trendBucket[row]!;
    if (at >= 0 && at < buckets.count) list[at]! += trendCount[row]!;
  }
  const all = found.numbers("all")[0]!;
  return template.map((each, row) => ({
    template: each,
    service: service[row]!,
    severityNumber: severity[row]!,
    count: count[row]!,
    share: all === 0 ? 0 : count[row]! / all,
    trend: sparkline(buckets, lines.get(key(each, service[row]!, severity[row]!)) ?? []),
  }));
}
