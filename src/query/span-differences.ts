import { proportionDifference } from "#math/proportion.ts";
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
  or,
  output,
  select,
  test,
} from "#plan/expression.ts";
import type { Expression, Predicate, SelectColumn, TimeRange } from "#plan/select.ts";
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
/** Rows of a side that are looked at to learn which keys are worth counting. */
const SAMPLED = 40_000;
/** A key with more values than this is an id, a time or a measurement. */
const MOST_VALUES = 500;
/** As is one whose values are mostly different: distinct values as a share of the rows that have it. */
const NEARLY_UNIQUE = 0.5;
const MOST_KEYS = 300;
const MOST_OPERATIONS = 100;
const MOST_COMBINATIONS = 50_000;

/**
 * What tells the rows inside a selection from the rest, over every matching row.
 *
 * A sample says which attribute keys are worth counting; then every row counts: what is told by few distinct combinations
 * (resource, service, name, kind, status) is counted by these, attributes by key and value. Ranked by what is certain: the
 * end of the 95% interval of the difference of shares that is nearer to none.
 */
export async function rankDifferences(question: Question, asked: DifferencesAsked): Promise<RankedDifferences> {
  const operations = asked.sameOperations ? await insideOperations(question, asked) : undefined;
  const sides: Sides = { range: asked.range, where: and(asked.where, operations), inside: asked.inside };
  const counts = new ValueCounts();
  const { insideCount, outsideCount } = await countCombinations(question, sides, counts);
  const few =
    insideCount < FEW
      ? `Only ${insideCount} ${insideCount === 1 ? "row is" : "rows are"} selected: under ${FEW}, differences say little.`
      : outsideCount < FEW
        ? `Only ${outsideCount} ${outsideCount === 1 ? "row is" : "rows are"} left to compare with: under ${FEW}, differences say little.`
        : null;
  if (insideCount === 0 || outsideCount === 0) return { insideCount, outsideCount, note: few, differences: [] };
  await Promise.all([
    countableKeys(question, sides, insideCount + outsideCount).then((keys) =>
      countAttributes(question, sides, keys, counts),
    ),
    ...(asked.leaveOut.has("event") ? [] : [countField(question, sides, "event", EVENT, counts)]),
    ...(asked.leaveOut.has("status_message")
      ? []
      : [countField(question, sides, "status_message", column("status_message"), counts)]),
  ]);
  const total = insideCount + outsideCount;
  const ranked = counts.all().flatMap(({ field, value, inside, all }): RankedDifference[] => {
    if (value === "" || asked.leaveOut.has(field)) return [];
    const covered = counts.rowsOf(field);
    if (isIdentifier(counts.valuesOf(field), covered)) return [];
    const outside = all - inside;
    const interval = proportionDifference(inside, insideCount, outside, outsideCount);
    if (interval.difference === 0) return [];
    return [
      {
        field,
        value,
        insideCount: inside,
        outsideCount: outside,
        insideShare: inside / insideCount,
        outsideShare: outside / outsideCount,
        ...interval,
        coverage: Math.min(1, covered / total),
      },
    ];
  });
  ranked.sort(
    (a, b) =>
      certain(b) - certain(a) ||
      Math.abs(b.difference) - Math.abs(a.difference) ||
      b.difference - a.difference ||
      (a.field < b.field ? -1 : 1),
  );
  return { insideCount, outsideCount, note: few, differences: ranked.slice(0, asked.limit) };
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
  readonly #rows = new Map<string, number>();
  readonly #values = new Map<string, number>();

  add(field: string, value: string, inside: number, all: number): void {
    if (value === "") return;
    const key = JSON.stringify([field, value]);
    this.#rows.set(field, (this.#rows.get(field) ?? 0) + all);
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
  rowsOf(field: string): number {
    return this.#rows.get(field) ?? 0;
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
const EVENT = call("arrayJoin", call("arrayDistinct", column("events.name")));

/** Counts what few distinct combinations tell, and by the way the rows of both sides. */
async function countCombinations(
  question: Question,
  sides: Sides,
  counts: ValueCounts,
): Promise<{ insideCount: number; outsideCount: number }> {
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
  return { insideCount, outsideCount: total - insideCount };
}

async function countAttributes(
  question: Question,
  sides: Sides,
  keys: readonly string[],
  counts: ValueCounts,
): Promise<void> {
  if (keys.length === 0) return;
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "spans",
        time: sides.range,
        where: sides.where,
        columns: [as("inside", test(sides.inside)), as("entry", call("entries", column("attributes")))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      where: isIn(call("element", column("entry"), literal(1)), keys),
      columns: [
        as("key", call("element", column("entry"), literal(1))),
        as("value", call("element", column("entry"), literal(2))),
        as("inside", call("sum", call("int", column("inside")))),
        as("all", call("count")),
      ],
      groupBy: ["key", "value"],
      orderBy: [descending(output("all"))],
      limitBy: { count: 2 * MOST_VALUES, columns: ["key"] },
      limit: 200_000,
    }),
  );
  const values = frame.strings("value");
  const insides = frame.numbers("inside");
  const alls = frame.numbers("all");
  for (const [row, key] of frame.strings("key").entries())
    counts.add(`attributes.${key}`, values[row]!, insides[row]!, alls[row]!);
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

/**
 * Attribute keys with few enough values to tell groups apart, by a sample: of all rows pieces of the time, of the inside,
 * which may be small and anywhere, its first rows.
 */
async function countableKeys(question: Question, sides: Sides, total: number): Promise<readonly string[]> {
  const slices = timeSlices("start_time", sides.range, SAMPLED / Math.max(1, total));
  const [everywhere, inside] = await Promise.all([
    sampledKeys(question, sides.range, and(sides.where, slices)),
    slices === undefined ? [] : sampledKeys(question, sides.range, and(sides.where, sides.inside)),
  ]);
  return [...new Set([...everywhere, ...inside])].slice(0, MOST_KEYS);
}

async function sampledKeys(
  question: Question,
  range: TimeRange,
  where: Predicate | undefined,
): Promise<readonly string[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: select({
          tenant: question.tenant,
          from: "spans",
          time: range,
          where,
          columns: [as("attributes", column("attributes"))],
          limit: SAMPLED,
        }),
        columns: [as("entry", call("entries", column("attributes")))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("key", call("element", column("entry"), literal(1))),
        as("rows", call("count")),
        as("values", call("uniq", call("element", column("entry"), literal(2)))),
      ],
      groupBy: ["key"],
      having: compare(output("values"), "<=", MOST_VALUES),
      orderBy: [descending(output("rows"))],
      limit: MOST_KEYS,
    }),
  );
  const rows = frame.numbers("rows");
  const values = frame.numbers("values");
  return frame.strings("key").filter((_, row) => !isIdentifier(values[row]!, rows[row]!));
}
