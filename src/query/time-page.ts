import { as, call, column, select } from "#plan/expression.ts";
import type { Predicate, TableName, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";

export interface TimePage {
  readonly from: TableName;
  readonly timeColumn: string;
  readonly where: Predicate | undefined;
  readonly newestFirst: boolean;
}

/** Parts of the range that are looked at, from the end that is shown first, before all of it. */
const WINDOWS = [1024n, 64n, 8n, 1n];

/**
 * Times between which the first `wanted` rows lie, in whichever direction they are shown; undefined when there are none.
 * Reads times and what the filters need, nothing else, in windows that grow from the end that is shown first: the newest
 * hundred of a common word are found without looking at the rest of the day.
 */
export async function findPageSpan(
  question: Question,
  range: TimeRange,
  page: TimePage,
  wanted: number,
): Promise<TimeRange | undefined> {
  const { fromUnixNano: from, toUnixNano: to } = range;
  let times: readonly string[] = [];
  for (const part of WINDOWS) {
    const length = part === 1n ? to - from : (to - from) / part;
    if (length <= 0n) continue;
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from: page.from,
        time: page.newestFirst
          ? { fromUnixNano: to - length, toUnixNano: to }
          : { fromUnixNano: from, toUnixNano: from + length },
        where: page.where,
        columns: [as("time", call("unixNanoText", column(page.timeColumn)))],
        orderBy: [{ by: column(page.timeColumn), descending: page.newestFirst }],
        limit: wanted,
      }),
    );
    times = frame.strings("time");
    if (times.length >= wanted) break;
  }
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const [low, high] = page.newestFirst ? [BigInt(last), BigInt(first)] : [BigInt(first), BigInt(last)];
  return { fromUnixNano: low, toUnixNano: high + 1n };
}

/** What of a range lies strictly beyond a moment, in the direction that is shown. */
export function beyond(range: TimeRange, at: bigint | undefined, newestFirst: boolean): TimeRange {
  if (at === undefined) return range;
  return newestFirst
    ? { fromUnixNano: range.fromUnixNano, toUnixNano: at < range.toUnixNano ? at : range.toUnixNano }
    : {
        fromUnixNano: at + 1n > range.fromUnixNano ? at + 1n : range.fromUnixNano,
        toUnixNano: range.toUnixNano,
      };
}

/** The span widened to hold a moment. */
export function including(span: TimeRange | undefined, at: bigint): TimeRange {
  if (span === undefined) return { fromUnixNano: at, toUnixNano: at + 1n };
  return {
    fromUnixNano: at < span.fromUnixNano ? at : span.fromUnixNano,
    toUnixNano: at + 1n > span.toUnixNano ? at + 1n : span.toUnixNano,
  };
}
