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
import type { Expression, Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { parseResource } from "./resource.ts";
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
/** Rows of a side that are looked at: shares are then told to half a percent. Of more, a sample is. */
const MOST_COUNTED = 50_000;
/** A key with more values than this is an id, a time or a measurement. */
const MOST_VALUES = 500;
/** As is one whose values are mostly different: distinct values as a share of the rows that have it. */
const NEARLY_UNIQUE = 0.5;
const MOST_OPERATIONS = 100;
const MOST_COMBINATIONS = 50_000;

/**
 * What tells the rows inside a selection from the rest: every field by its values, on up to fifty thousand rows of each side; of
 * more on a sample, whose size is what the intervals are computed from. How many rows each side has is counted exactly. Ranked
 * by what is certain: the end of the 95% interval of the difference of shares that is nearer to none.
 */
export async function rankDifferences(
  question: Question,
  asked: DifferencesAsked,
  mostCounted: number = MOST_COUNTED,
): Promise<RankedDifferences> {
  const everywhere: Sides = { range: asked.range, where: asked.where, inside: asked.inside };
  let { inside, outside } = await countSides(question, everywhere);
  let sides = everywhere;
  if (asked.sameOperations && inside.rows > 0) {
    const operations = await insideOperations(question, everywhere, inside, mostCounted);
    if (operations !== undefined) {
      sides = { ...everywhere, where: and(asked.where, operations) };
      ({ inside, outside } = await countSides(question, sides));
    }
  }
  const few =
    inside.rows < FEW
      ? `Only ${inside.rows} ${inside.rows === 1 ? "row is" : "rows are"} selected: under ${FEW}, differences say little.`
      : outside.rows < FEW
        ? `Only ${outside.rows} ${outside.rows === 1 ? "row is" : "rows are"} left to compare with: under ${FEW}, differences say little.`
        : null;
  const totals = { insideCount: inside.rows, outsideCount: outside.rows };
  if (inside.rows === 0 || outside.rows === 0) return { ...totals, note: few, differences: [] };
  const counts = new ValueCounts();
  const [countedInside, countedOutside] = await Promise.all([
    countSide(question, sides, "inside", inside, mostCounted, asked.leaveOut, counts),
    countSide(question, sides, "outside", outside, mostCounted, asked.leaveOut, counts),
  ]);
  const isSample = countedInside < inside.rows || countedOutside < outside.rows;
  if (isSample) question.markPartial();
  const ranked = rank(counts, asked.leaveOut, [countedInside, countedOutside], [inside.rows, outside.rows]).sort(
    (a, b) =>
      certain(b) - certain(a) ||
      Math.abs(b.difference) - Math.abs(a.difference) ||
      b.difference - a.difference ||
      (a.field < b.field ? -1 : 1),
  );
  const sampled = isSample
    ? `Counted on ${countedInside} of the ${inside.rows} selected and ${countedOutside} of the ${outside.rows} other rows; the intervals are those of this sample.`
    : null;
  return { ...totals, note: few ?? sampled, differences: ranked.slice(0, asked.limit) };
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

/** Later than any time that can be stored. */
const NEVER = 2n ** 62n;
const EVENT = call("arrayJoin", call("arrayDistinct", column("events.name")));

/** How many rows one side has, and when. */
interface Side {
  readonly rows: number;
  readonly range: TimeRange;
}

async function countSides(
  question: Question,
  sides: Sides,
): Promise<{ readonly inside: Side; readonly outside: Side }> {
  const time = call("unixNano", column("start_time"));
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: sides.range,
      where: sides.where,
      columns: [
        as("inside", call("countIf", test(sides.inside))),
        as("all", call("count")),
        as("first", call("text", call("min", time))),
        as("last", call("text", call("max", time))),
        as("firstInside", call("text", call("min", call("if", test(sides.inside), time, literal(NEVER))))),
        as("lastInside", call("text", call("max", call("if", test(sides.inside), time, literal(0n))))),
      ],
      limit: 1,
    }),
  );
  const within = (first: string, last: string): TimeRange => ({
    fromUnixNano: BigInt(frame.strings(first)[0]!),
    toUnixNano: BigInt(frame.strings(last)[0]!) + 1n,
  });
  const inside = frame.numbers("inside")[0]!;
  return {
    inside: { rows: inside, range: within("firstInside", "lastInside") },
    outside: { rows: frame.numbers("all")[0]! - inside, range: within("first", "last") },
  };
}

/** Counts the fields of one side, of all its rows or a sample; answers of how many. */
async function countSide(
  question: Question,
  sides: Sides,
  which: "inside" | "outside",
  side: Side,
  mostCounted: number,
  leaveOut: ReadonlySet<string>,
  counts: ValueCounts,
): Promise<number> {
  // What the condition cannot tell (a text that is no number) is outside, as it is to countIf.
  const ofSide =
    which === "inside" ? sides.inside : equals(call("if", test(sides.inside), literal(1), literal(0)), literal(0));
  const { rows, where } = await sampleOf(question, sides.range, and(sides.where, ofSide), side, mostCounted);
  const add = (field: string, value: string, count: number): void =>
    counts.add(field, value, which === "inside" ? count : 0, count);
  const read = { question, range: sides.range, where, add };
  await Promise.all([
    countCombinations(read),
    countAttributes(read),
    ...(leaveOut.has("event") ? [] : [countField(read, "event", EVENT)]),
    ...(leaveOut.has("status_message") ? [] : [countField(read, "status_message", column("status_message"))]),
  ]);
  return rows;
}

interface SideRead {
  readonly question: Question;
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly add: (field: string, value: string, count: number) => void;
}

/** What few distinct combinations tell. */
async function countCombinations({ question, range, where, add }: SideRead): Promise<void> {
  const fields = ["service", "name", "kind", "status", "scope"] as const;
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        as("resource", column("resource")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("status", column("status_code")),
        as("scope", column("scope_name")),
        as("rows", call("count")),
      ],
      groupBy: ["resource", ...fields],
      limit: MOST_COMBINATIONS,
    }),
  );
  if (frame.rowCount === MOST_COMBINATIONS) question.markPartial();
  const values = fields.map((field) => frame.strings(field));
  const rows = frame.numbers("rows");
  const resources = new Map<string, number>();
  for (const [row, resource] of frame.strings("resource").entries()) {
    for (const [index, field] of fields.entries()) add(field, values[index]![row]!, rows[row]!);
    resources.set(resource, (resources.get(resource) ?? 0) + rows[row]!);
  }
  for (const [resource, count] of resources)
    for (const [key, value] of parseResource(resource)) add(`resource.${key}`, value, count);
}

async function countAttributes({ question, range, where, add }: SideRead): Promise<void> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "spans",
        time: range,
        where,
        columns: [as("entry", call("entries", column("attributes")))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("key", call("element", column("entry"), literal(1))),
        as("value", call("element", column("entry"), literal(2))),
        as("rows", call("count")),
      ],
      groupBy: ["key", "value"],
      orderBy: [descending(output("rows"))],
      limitBy: { count: MOST_VALUES + 1, columns: ["key"] },
      limit: MOST_COMBINATIONS,
    }),
  );
  const values = frame.strings("value");
  const rows = frame.numbers("rows");
  for (const [row, key] of frame.strings("key").entries()) add(`attributes.${key}`, values[row]!, rows[row]!);
}

/** Counts one field that most rows do not have. */
async function countField({ question, range, where, add }: SideRead, field: string, value: Expression): Promise<void> {
  const exists: Predicate =
    field === "event" ? compare(call("length", column("events.name")), ">", 0) : { kind: "exists", left: value };
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where: and(where, exists),
      columns: [as("value", value), as("rows", call("count"))],
      groupBy: ["value"],
      orderBy: [descending(output("rows"))],
      limit: MOST_VALUES + 1,
    }),
  );
  const rows = frame.numbers("rows");
  for (const [row, each] of frame.strings("value").entries()) add(field, each, rows[row]!);
}

/** All rows of a side, or pieces of its time; where these miss what came in a burst, one row of so many. */
async function sampleOf(
  question: Question,
  range: TimeRange,
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
        time: range,
        where: sample,
        columns: [as("rows", call("count"))],
        limit: 1,
      }),
    );
    return frame.numbers("rows")[0]!;
  };
  const sliced = and(timeSlices("start_time", side.range, 1 / every), where);
  const rows = await count(sliced);
  const wanted = side.rows / every;
  if (rows > wanted / 3 && rows < wanted * 3) return { rows, where: sliced };
  const hash = call("hash", column("trace_id"), column("span_id"));
  const hashed = and(equals(call("modulo", hash, literal(every)), literal(0)), where);
  return { rows: await count(hashed), where: hashed };
}

/** The services and operations that occur inside, as a condition; undefined where they are too many to name. */
async function insideOperations(
  question: Question,
  sides: Sides,
  inside: Side,
  mostCounted: number,
): Promise<Predicate | undefined> {
  const { where } = await sampleOf(question, sides.range, and(sides.where, sides.inside), inside, mostCounted);
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: sides.range,
      where,
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
