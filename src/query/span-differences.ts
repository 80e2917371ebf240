import { proportionDifference } from "#math/proportion.ts";
import {
  and,
  as,
  call,
  column,
  compare,
  descending,
  equals,
  literal,
  or,
  output,
  select,
  test,
} from "#plan/expression.ts";
import type { Expression, Predicate, SelectColumn, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { parseResource } from "./resource.ts";
import { earlier, later } from "./time.ts";
import { timeSlices } from "./time-slices.ts";

/** One row of the API's Differences. */
export interface RankedDifference {
  readonly field: string;
  readonly value: string;
  readonly insideCount: number;
  readonly outsideCount: number;
  readonly insideShare: number;
  readonly outsideShare: number;
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly coverage: number;
}

export interface RankedDifferences {
  readonly insideCount: number;
  readonly outsideCount: number;
  readonly note: string | null;
  readonly differences: readonly RankedDifference[];
}

export interface DifferencesAsked {
  readonly range: TimeRange;
  /** What both sides must meet. */
  readonly where: Predicate | undefined;
  /** What the inside must meet besides. */
  readonly inside: Predicate;
  /** Compare with the rest of the same services and operations only. */
  readonly sameOperations: boolean;
  /** Fields that the selection itself speaks of, which would only repeat it. */
  readonly leaveOut: ReadonlySet<string>;
  readonly limit: number;
}

/** Fewer rows than this on a side say little. */
const FEW = 30;
/** Rows of a side whose attributes are counted: shares are then told to half a percent. Of more, a sample is. */
const MOST_COUNTED = 50_000;
/** A key with more values than this is an id, a time or a measurement. */
const MOST_VALUES = 500;
/** As is one whose values are mostly different: distinct values as a share of the rows that have it. */
const NEARLY_UNIQUE = 0.5;
const MOST_OPERATIONS = 100;
const MOST_COMBINATIONS = 50_000;

/**
 * What tells the rows inside a selection from the rest.
 *
 * Every row counts for what is told by few distinct combinations (resource, service, name, kind, status), its events and its
 * status message. Attributes are counted by key and value on up to fifty thousand rows of each side; of more, on a sample of
 * them, whose size is what their intervals are computed from. Ranked by what is certain: the end of the 95% interval of the
 * difference of shares that is nearer to none.
 */
export async function rankDifferences(
  question: Question,
  asked: DifferencesAsked,
  mostCounted: number = MOST_COUNTED,
): Promise<RankedDifferences> {
  const operations = asked.sameOperations ? await insideOperations(question, asked) : undefined;
  const sides: Sides = { range: asked.range, where: and(asked.where, operations), inside: asked.inside };
  const counts = new ValueCounts();
  const all = await countCombinations(question, sides, counts);
  const insideCount = all.inside.rows;
  const outsideCount = all.outside.rows;
  const few =
    insideCount < FEW
      ? `Only ${insideCount} ${insideCount === 1 ? "row is" : "rows are"} selected: under ${FEW}, differences say little.`
      : outsideCount < FEW
        ? `Only ${outsideCount} ${outsideCount === 1 ? "row is" : "rows are"} left to compare with: under ${FEW}, differences say little.`
        : null;
  if (insideCount === 0 || outsideCount === 0) return { insideCount, outsideCount, note: few, differences: [] };
  const attributes = new ValueCounts();
  const [inside, outside] = await Promise.all([
    countAttributes(question, sides, "inside", all.inside, mostCounted, attributes),
    countAttributes(question, sides, "outside", all.outside, mostCounted, attributes),
    ...(asked.leaveOut.has("event") ? [] : [countField(question, sides, "event", EVENT, counts)]),
    ...(asked.leaveOut.has("status_message")
      ? []
      : [countField(question, sides, "status_message", column("status_message"), counts)]),
  ]);
  const isSample = inside < insideCount || outside < outsideCount;
  if (isSample) question.markPartial();
  const ranked = [
    ...rank(counts, asked.leaveOut, [insideCount, outsideCount], [insideCount, outsideCount]),
    ...rank(attributes, asked.leaveOut, [inside, outside], [insideCount, outsideCount]),
  ].sort(
    (a, b) =>
      certain(b) - certain(a) ||
      Math.abs(b.difference) - Math.abs(a.difference) ||
      b.difference - a.difference ||
      (a.field < b.field ? -1 : 1),
  );
  const sampled = isSample
    ? `Attributes were counted on ${inside} of the ${insideCount} selected and ${outside} of the ${outsideCount} other rows; the intervals are those of this sample.`
    : null;
  return { insideCount, outsideCount, note: few ?? sampled, differences: ranked.slice(0, asked.limit) };
}

/** Differences of what was counted on `counted` rows of each side, told for `all` of them. */
function rank(
  counts: ValueCounts,
  leaveOut: ReadonlySet<string>,
  [countedInside, countedOutside]: readonly [number, number],
  [allInside, allOutside]: readonly [number, number],
): RankedDifference[] {
  if (countedInside === 0 || countedOutside === 0) return [];
  return counts.all().flatMap(({ field, value, inside, all }): RankedDifference[] => {
    if (value === "" || leaveOut.has(field)) return [];
    const { inside: coveredInside, all: covered } = counts.rowsOf(field);
    if (isIdentifier(counts.valuesOf(field), covered)) return [];
    const outside = all - inside;
    const interval = proportionDifference(inside, countedInside, outside, countedOutside);
    if (interval.difference === 0) return [];
    const having =
      (coveredInside / countedInside) * allInside + ((covered - coveredInside) / countedOutside) * allOutside;
    return [
      {
        field,
        value,
        insideCount: Math.round((inside / countedInside) * allInside),
        outsideCount: Math.round((outside / countedOutside) * allOutside),
        insideShare: inside / countedInside,
        outsideShare: outside / countedOutside,
        ...interval,
        coverage: Math.min(1, having / (allInside + allOutside)),
      },
    ];
  });
}

/** The rows compared: those of a range that meet `where`, on either side of `inside`. */
interface Sides {
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly inside: Predicate;
}

interface ValueCount {
  readonly field: string;
  readonly value: string;
  inside: number;
  all: number;
}

/** Rows by field and value. */
class ValueCounts {
  readonly #counts = new Map<string, ValueCount>();
  readonly #rows = new Map<string, { inside: number; all: number }>();
  readonly #values = new Map<string, number>();

  add(field: string, value: string, inside: number, all: number): void {
    if (value === "") return;
    const key = JSON.stringify([field, value]);
    const rows = this.#rows.get(field) ?? { inside: 0, all: 0 };
    this.#rows.set(field, rows);
    rows.inside += inside;
    rows.all += all;
    const known = this.#counts.get(key);
    if (known === undefined) {
      this.#counts.set(key, { field, value, inside, all });
      this.#values.set(field, (this.#values.get(field) ?? 0) + 1);
    } else {
      known.inside += inside;
      known.all += all;
    }
  }

  all(): readonly ValueCount[] {
    return [...this.#counts.values()];
  }

  /** Rows that have the field. */
  rowsOf(field: string): { readonly inside: number; readonly all: number } {
    return this.#rows.get(field) ?? { inside: 0, all: 0 };
  }

  valuesOf(field: string): number {
    return this.#values.get(field) ?? 0;
  }
}

/** How much of a difference is certain: the end of its interval nearer to 0; 0 where the interval holds 0. */
export function certain(difference: { readonly low: number; readonly high: number }): number {
  return difference.low > 0 ? difference.low : difference.high < 0 ? -difference.high : 0;
}

function isIdentifier(distinct: number, rows: number): boolean {
  return distinct > MOST_VALUES || (distinct > 20 && distinct > NEARLY_UNIQUE * rows);
}

const IN = (sides: Sides): SelectColumn => as("inside", call("countIf", test(sides.inside)));
/** Later than any time that can be stored. */
const NEVER = 2n ** 62n;
const EVENT = call("arrayJoin", call("arrayDistinct", column("events.name")));

/** How many rows one side has, and when. */
interface Side {
  readonly rows: number;
  readonly range: TimeRange;
}

/** Counts what few distinct combinations tell, and by the way the rows of both sides. */
async function countCombinations(
  question: Question,
  sides: Sides,
  counts: ValueCounts,
): Promise<{ readonly inside: Side; readonly outside: Side }> {
  const time = call("unixNano", column("start_time"));
  const fields = ["service", "name", "kind", "status", "scope"] as const;
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: sides.range,
      where: sides.where,
      columns: [
        as("resource", column("resource")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("status", column("status_code")),
        as("scope", column("scope_name")),
        IN(sides),
        as("all", call("count")),
        as("first", call("text", call("min", time))),
        as("last", call("text", call("max", time))),
        as("firstIn", call("text", call("min", call("if", test(sides.inside), time, literal(NEVER))))),
        as("lastIn", call("text", call("max", call("if", test(sides.inside), time, literal(0n))))),
      ],
      groupBy: ["resource", ...fields],
      limit: MOST_COMBINATIONS,
    }),
  );
  if (frame.rowCount === MOST_COMBINATIONS) question.markPartial();
  const values = fields.map((field) => frame.strings(field));
  const insides = frame.numbers("inside");
  const alls = frame.numbers("all");
  let insideCount = 0;
  let total = 0;
  const resources = new Map<string, { inside: number; all: number }>();
  for (const [row, resource] of frame.strings("resource").entries()) {
    const inside = insides[row]!;
    const all = alls[row]!;
    insideCount += inside;
    total += all;
    for (const [index, field] of fields.entries()) counts.add(field, values[index]![row]!, inside, all);
    const known = resources.get(resource) ?? { inside: 0, all: 0 };
    known.inside += inside;
    known.all += all;
    resources.set(resource, known);
  }
  for (const [resource, { inside, all }] of resources)
    for (const [key, value] of parseResource(resource)) counts.add(`resource.${key}`, value, inside, all);
  const within = (first: string, last: string): TimeRange => ({
    fromUnixNano: frame.strings(first).map(BigInt).reduce(earlier, NEVER),
    toUnixNano: frame.strings(last).map(BigInt).reduce(later, 0n) + 1n,
  });
  return {
    inside: { rows: insideCount, range: within("firstIn", "lastIn") },
    outside: { rows: total - insideCount, range: within("first", "last") },
  };
}

/** Counts attributes of one side, of all its rows or a sample; answers of how many. */
async function countAttributes(
  question: Question,
  sides: Sides,
  which: "inside" | "outside",
  side: Side,
  mostCounted: number,
  counts: ValueCounts,
): Promise<number> {
  // What the condition cannot tell (a text that is no number) is outside, as it is to countIf.
  const ofSide =
    which === "inside" ? sides.inside : equals(call("if", test(sides.inside), literal(1), literal(0)), literal(0));
  const { rows, where } = await sampleOf(question, sides, and(sides.where, ofSide), side, mostCounted);
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "spans",
        time: sides.range,
        where,
        columns: [as("entry", call("entries", column("attributes")))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("key", call("element", column("entry"), literal(1))),
        as("value", call("element", column("entry"), literal(2))),
        as("all", call("count")),
      ],
      groupBy: ["key", "value"],
      orderBy: [descending(output("all"))],
      limitBy: { count: MOST_VALUES + 1, columns: ["key"] },
      limit: MOST_COMBINATIONS,
    }),
  );
  const values = frame.strings("value");
  const alls = frame.numbers("all");
  for (const [row, key] of frame.strings("key").entries()) {
    const count = alls[row]!;
    counts.add(`attributes.${key}`, values[row]!, which === "inside" ? count : 0, count);
  }
  return rows;
}

/** All rows of a side, or pieces of its time; where these miss what came in a burst, one row of so many. */
async function sampleOf(
  question: Question,
  sides: Sides,
  where: Predicate | undefined,
  side: Side,
  mostCounted: number,
): Promise<{ readonly rows: number; readonly where: Predicate | undefined }> {
  const every = Math.ceil(side.rows / mostCounted);
  if (every <= 1) return { rows: side.rows, where };
  const count = async (sample: Predicate | undefined): Promise<number> => {
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from: "spans",
        time: sides.range,
        where: sample,
        columns: [as("rows", call("count"))],
        limit: 1,
      }),
    );
    return frame.numbers("rows")[0]!;
  };
  const sliced = and(timeSlices("start_time", side.range, 1 / every, "fine"), where);
  const rows = await count(sliced);
  const wanted = side.rows / every;
  if (rows > wanted / 3 && rows < wanted * 3) return { rows, where: sliced };
  const hash = call("hash", column("trace_id"), column("span_id"));
  const hashed = and(equals(call("modulo", hash, literal(every)), literal(0)), where);
  return { rows: await count(hashed), where: hashed };
}

/** Counts one field that most rows do not have. */
async function countField(
  question: Question,
  sides: Sides,
  field: string,
  value: Expression,
  counts: ValueCounts,
): Promise<void> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: sides.range,
      where: and(
        sides.where,
        field === "event" ? compare(call("length", column("events.name")), ">", 0) : { kind: "exists", left: value },
      ),
      columns: [as("value", value), IN(sides), as("all", call("count"))],
      groupBy: ["value"],
      orderBy: [descending(output("all"))],
      limit: 2 * MOST_VALUES,
    }),
  );
  const insides = frame.numbers("inside");
  const alls = frame.numbers("all");
  for (const [row, each] of frame.strings("value").entries()) counts.add(field, each, insides[row]!, alls[row]!);
}

/** The services and operations that occur inside, as a condition; undefined where they are too many to name. */
async function insideOperations(question: Question, asked: DifferencesAsked): Promise<Predicate | undefined> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: asked.range,
      where: and(asked.where, asked.inside),
      columns: [as("service", column("service_name")), as("name", column("name"))],
      groupBy: ["service", "name"],
      limit: MOST_OPERATIONS + 1,
    }),
  );
  if (frame.rowCount === 0 || frame.rowCount > MOST_OPERATIONS) return undefined;
  const names = frame.strings("name");
  return or(
    ...frame
      .strings("service")
      .map((service, row) => and(equals(column("service_name"), service), equals(column("name"), names[row]!))!),
  );
}
