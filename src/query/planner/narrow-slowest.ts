import { and, as, call, column, compare, descending, or, output, select } from "#plan/expression.ts";
import type { Predicate, Select } from "#plan/select.ts";
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
 * The slowest N of a long time: each lies in one of the N groups (minute, service, name) with the longest longest span, and
 * none is shorter than the least of those maxima. Proof: outside of them there are N spans at least as long, one a group.
 * `span_stats` keeps the maxima, so that a handful of minutes is read instead of a day.
 */
export const narrowSlowest: NarrowingRule = {
  name: "narrow-slowest",
  question(of) {
    if (!applies(of) || of.time === undefined) return undefined;
    return select({
      tenant: of.tenant,
      from: "span_stats",
      // Whole minutes within the range only: the maximum of a minute that is cut may lie outside of it.
      time: {
        fromUnixNano: ((of.time.fromUnixNano + MINUTE_NS - 1n) / MINUTE_NS) * MINUTE_NS,
        toUnixNano: (of.time.toUnixNano / MINUTE_NS) * MINUTE_NS,
      },
      where: of.where,
      columns: [
        as("minute", call("unixNano", column("time"))),
        as("minuteText", call("unixNanoText", column("time"))),
        as("service", column("service_name")),
        as("name", column("name")),
        as("longest", call("max", column("duration_max_nano"))),
      ],
      groupBy: ["minute", "minuteText", "service", "name"],
      orderBy: [descending(output("longest"))],
      limit: of.limit,
    });
  },
  narrow(of, answer) {
    if (of.time === undefined || answer.rowCount < of.limit) return undefined;
    const longest = answer.numbers("longest");
    // A double holds 2^53 ns exactly (104 days); rounding down keeps the bound a bound beyond that too.
    const least = BigInt(Math.floor(longest.at(-1)! * (1 - 2 ** -52)));
    const minutes = [...new Set(answer.strings("minuteText"))].map(BigInt).sort((a, b) => (a < b ? -1 : 1));
    const firstWhole = ((of.time.fromUnixNano + MINUTE_NS - 1n) / MINUTE_NS) * MINUTE_NS;
    const lastWhole = (of.time.toUnixNano / MINUTE_NS) * MINUTE_NS;
    const pieces: [bigint, bigint][] = [];
    const add = (from: bigint, to: bigint): void => {
      const last = pieces.at(-1);
      if (last !== undefined && last[1] >= from) last[1] = to > last[1] ? to : last[1];
      else if (to > from) pieces.push([from, to]);
    };
    add(of.time.fromUnixNano, firstWhole);
    for (const minute of minutes) add(minute, minute + MINUTE_NS);
    add(lastWhole, of.time.toUnixNano);
    const within = or(
      ...pieces.map(
        ([from, to]) =>
          and(
            compare(column("start_time"), ">=", call("time", { kind: "literal", value: from })),
            compare(column("start_time"), "<", call("time", { kind: "literal", value: to })),
          )!,
      ),
    );
    return {
      select: { ...of, where: and(of.where, compare(column("duration_nano"), ">=", least), within) },
      why: `span_stats: the ${of.limit} slowest take ${least} ns or more and lie in ${pieces.length} pieces of the time`,
    };
  },
};
