import { and, as, call, column, equals, or, select } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { earlier, later } from "./time.ts";

export interface TimePage {
  readonly from: "spans" | "logs";
  readonly timeColumn: string;
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly newestFirst: boolean;
  /** Rows of the page, and one more that tells whether another follows. */
  readonly wanted: number;
  /** Time of the last row of the page before, whose equals may follow. */
  readonly after: bigint | undefined;
}

/** Where the rows of a page lie: all that can be in it are there, and little else is. */
export interface PagePlace {
  readonly range: TimeRange;
  readonly where: Predicate;
}

/** The part of the range that is looked at first. */
const FIRST_PART = 1024n;
/** How much longer each next window is at most; at least four times. */
const MOST_GROWTH = 64n;

/**
 * Where the first rows of a time range lie, in whichever direction they are shown; undefined when there are none. Reads times,
 * services and what the filters need, nothing else, in windows that follow one another from the end that is shown first and
 * grow by what was found: the newest hundred of a common word are found without looking at the rest of the day, and what is
 * rare is looked for once.
 *
 * The rows are sorted by service and time, so a page is named by these. Of equal times any may have been cut off: those of
 * the last time, and of the page before's, are meant whatever their service.
 */
export async function findPage(question: Question, page: TimePage): Promise<PagePlace | undefined> {
  const { from, timeColumn, newestFirst, wanted, after } = page;
  const { fromUnixNano: first, toUnixNano: end } = beyond(page.range, after, newestFirst);
  const whole = end - first;
  const times: bigint[] = [];
  const timesOf = new Map<string, Set<bigint>>();
  for (let length = later(whole / FIRST_PART, 1n), looked = 0n; looked < whole; ) {
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from,
        time: newestFirst
          ? { fromUnixNano: end - length, toUnixNano: end - looked }
          : { fromUnixNano: first + looked, toUnixNano: first + length },
        where: page.where,
        columns: [as("time", call("unixNanoText", column(timeColumn))), as("service", column("service_name"))],
        orderBy: [{ by: column(timeColumn), descending: newestFirst }],
        limit: wanted - times.length,
      }),
    );
    const services = frame.strings("service");
    for (const [row, text] of frame.strings("time").entries()) {
      const time = BigInt(text);
      times.push(time);
      timesOf.set(services[row]!, (timesOf.get(services[row]!) ?? new Set()).add(time));
    }
    if (times.length >= wanted) break;
    looked = length;
    const growth = times.length === 0 ? MOST_GROWTH : BigInt(Math.ceil((2 * wanted) / times.length));
    length = earlier(whole, length * later(4n, earlier(MOST_GROWTH, growth)));
  }
  const edges = new Set([...times.slice(-1), ...(after === undefined ? [] : [after])]);
  if (edges.size === 0) return undefined;
  const all = [...times, ...edges];
  return {
    range: { fromUnixNano: all.reduce(earlier), toUnixNano: all.reduce(later) + 1n },
    where: or(
      ...[...timesOf].map(([service, of]) => and(equals(column("service_name"), service), at(timeColumn, of))!),
      at(timeColumn, edges),
    ),
  };
}

function at(timeColumn: string, times: ReadonlySet<bigint>): Predicate {
  return { kind: "in-times", left: column(timeColumn), unixNanos: [...times] };
}

/** What of a range lies strictly beyond a moment, in the direction that is shown. */
function beyond(range: TimeRange, moment: bigint | undefined, newestFirst: boolean): TimeRange {
  if (moment === undefined) return range;
  return newestFirst
    ? { fromUnixNano: range.fromUnixNano, toUnixNano: earlier(moment, range.toUnixNano) }
    : { fromUnixNano: later(moment + 1n, range.fromUnixNano), toUnixNano: range.toUnixNano };
}
