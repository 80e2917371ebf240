import { and, as, call, column, compare, descending, equals, literal, or, output, select } from "#plan/expression.ts";
import type { Predicate, Select, TimeRange } from "#plan/select.ts";
import { expressionsOf } from "#plan/walk.ts";
import type { NarrowingRule } from "./rules.ts";

const MINUTE_NS = 60_000_000_000n;
/** More groups than this narrow nothing. */
const MOST_ROWS = 200;
/** Below this reading every duration is as quick. */
const WIDE_NS = 30n * MINUTE_NS;
const KNOWN: ReadonlySet<string> = new Set(["service_name", "name", "kind"]);

function applies(of: Select): boolean {
  if (of.from !== "spans" || of.time === undefined || of.groupBy.length > 0 || of.limit > MOST_ROWS) return false;
  if (of.place !== undefined) return false;
  if (of.time.toUnixNano - of.time.fromUnixNano < WIDE_NS) return false;
  const [first] = of.orderBy;
  if (first?.by.kind !== "column" || first.by.name !== "duration_nano" || !first.descending) return false;
  return of.where === undefined || knows(of.where);
}

/** Whether `span_stats` can tell the rows of the condition. */
function knows(of: Predicate): boolean {
  for (const each of expressionsOf(of)) {
    if (each.kind === "attribute" || each.kind === "output") return false;
    if (each.kind === "column" && !KNOWN.has(each.name)) return false;
  }
  return true;
}

/**
 * The slowest N of a long time: each lies in one of the N groups (service, minute) with the longest longest span, and none is
 * shorter than the least of those maxima. Proof: outside of them there are N spans at least as long, one a group.
 * `span_stats` keeps the maxima, so that a handful of minutes is read instead of a day.
 */
export const narrowSlowest: NarrowingRule = {
  name: "narrow-slowest",
  question(of) {
    if (!applies(of) || of.time === undefined) return undefined;
    return select({
      tenant: of.tenant,
      from: "span_stats",
      time: wholeWithin(of.time),
      where: of.where,
      columns: [
        as("service", column("service_name")),
        as("minute", column("time")),
        as("longest", call("max", column("duration_max_nano"))),
        as("minuteText", call("unixNanoText", column("time"))),
      ],
      groupBy: ["service", "minute"],
      orderBy: [descending(output("longest"))],
      limit: of.limit,
    });
  },
  narrow(of, answer) {
    if (of.time === undefined || answer.rowCount < of.limit) return undefined;
    // A double holds 2^53 ns exactly (104 days); rounding down keeps the bound a bound beyond that too.
    const least = BigInt(Math.floor(answer.numbers("longest").at(-1)! * (1 - 2 ** -52)));
    const minutesOf = new Map<string, bigint[]>();
    const minutes = answer.strings("minuteText").map(BigInt);
    for (const [row, service] of answer.strings("service").entries())
      minutesOf.set(service, [...(minutesOf.get(service) ?? []), minutes[row]!]);
    const whole = wholeWithin(of.time);
    const cut = [
      ...(of.time.fromUnixNano < whole.fromUnixNano ? [during(of.time.fromUnixNano, whole.fromUnixNano)] : []),
      ...(whole.toUnixNano < of.time.toUnixNano ? [during(whole.toUnixNano, of.time.toUnixNano)] : []),
    ];
    const within = or(
      ...[...minutesOf].map(
        ([service, list]) =>
          and(equals(column("service_name"), service), or(...pieces(list).map((piece) => during(...piece))))!,
      ),
      ...cut,
    );
    return {
      select: { ...of, place: within, where: and(of.where, compare(column("duration_nano"), ">=", least)) },
      why: `span_stats: the ${of.limit} slowest take ${least} ns or more and lie in ${minutes.length} minutes of ${minutesOf.size} services`,
    };
  },
};

/** Whole minutes within the range: the maximum of a minute that is cut may lie outside of it. */
function wholeWithin(time: TimeRange): TimeRange {
  return {
    fromUnixNano: ((time.fromUnixNano + MINUTE_NS - 1n) / MINUTE_NS) * MINUTE_NS,
    toUnixNano: (time.toUnixNano / MINUTE_NS) * MINUTE_NS,
  };
}

/** Minutes as ranges, neighbours joined. */
function pieces(minutes: readonly bigint[]): readonly (readonly [bigint, bigint])[] {
  const joined: [bigint, bigint][] = [];
  for (const minute of minutes.toSorted((a, b) => (a < b ? -1 : 1))) {
    const last = joined.at(-1);
    if (last !== undefined && last[1] === minute) last[1] = minute + MINUTE_NS;
    else joined.push([minute, minute + MINUTE_NS]);
  }
  return joined;
}

function during(from: bigint, to: bigint): Predicate {
  return and(
    compare(column("start_time"), ">=", call("time", literal(from))),
    compare(column("start_time"), "<", call("time", literal(to))),
  )!;
}
