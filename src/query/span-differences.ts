import { proportionDifference } from "#math/proportion.ts";
import {
  and,
  as,
  call,
  column,
  compare,
  descending,
  equals,
  list,
  literal,
  not,
  or,
  output,
  select,
  test,
} from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { parseResource } from "./resource.ts";

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
const MOST_RESOURCES = 10_000;

/** Where a field comes from; the numbers stand in the tuples that the engine counts. */
const RECORD = 0;
const ATTRIBUTE = 1;

/**
 * What tells the rows inside a selection from the rest, over every matching row.
 *
 * A first read learns from a sample which keys are worth counting; a second counts every value of those keys in every row, in
 * one pass. Ranked by what is certain: the end of the 95% interval of the difference of shares that is nearer to none.
 */
export async function rankDifferences(question: Question, asked: DifferencesAsked): Promise<RankedDifferences> {
  const { range } = asked;
  const operations = asked.sameOperations ? await insideOperations(question, asked) : undefined;
  const where = and(asked.where, operations);
  const resources = await countResources(question, range, where, asked.inside);
  const insideCount = resources.reduce((sum, one) => sum + one.inside, 0);
  const outsideCount = resources.reduce((sum, one) => sum + one.all, 0) - insideCount;
  const few =
    insideCount < FEW
      ? `Only ${insideCount} ${insideCount === 1 ? "row is" : "rows are"} selected: under ${FEW}, differences say little.`
      : outsideCount < FEW
        ? `Only ${outsideCount} ${outsideCount === 1 ? "row is" : "rows are"} left to compare with: under ${FEW}, differences say little.`
        : null;
  if (insideCount === 0 || outsideCount === 0) return { insideCount, outsideCount, note: few, differences: [] };
  const keys = await countableKeys(question, { ...asked, where }, insideCount, outsideCount);
  const pairs = call(
    "arrayConcat",
    call(
      "array",
      ...(["name", "service_name", "kind", "status_code", "status_message", "scope_name"] as const).map((name) =>
        call("tuple", literal(RECORD), literal(name), call("text", column(name))),
      ),
    ),
    call("taggedEntries", column("events.name"), literal(RECORD), literal("event")),
    call("taggedPairsOf", column("attributes"), literal(ATTRIBUTE), list(keys.length === 0 ? [""] : keys)),
  );
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "spans",
        time: range,
        where,
        columns: [as("inside", test(asked.inside)), as("pair", call("arrayJoin", pairs))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("tag", call("element", column("pair"), literal(1))),
        as("key", call("element", column("pair"), literal(2))),
        as("value", call("element", column("pair"), literal(3))),
        as("inside", call("sum", call("int", column("inside")))),
        as("all", call("count")),
      ],
      groupBy: ["tag", "key", "value"],
      orderBy: [descending(output("all"))],
      limitBy: { count: 2 * MOST_VALUES, columns: ["tag", "key"] },
      limit: 100_000,
    }),
  );
  const names = frame.strings("key");
  const tags = frame.numbers("tag");
  const values = [...frame.strings("value")];
  const insides = [...frame.numbers("inside")];
  const alls = [...frame.numbers("all")];
  const fields = names.map((name, row) => fieldName(tags[row]!, name));
  for (const one of resourceValues(resources)) {
    fields.push(`resource.${one.key}`);
    values.push(one.value);
    insides.push(one.inside);
    alls.push(one.all);
  }
  const total = insideCount + outsideCount;
  const having = new Map<string, number>();
  const distinct = new Map<string, number>();
  for (const [row, field] of fields.entries()) {
    if (values[row] === "") continue;
    having.set(field, (having.get(field) ?? 0) + alls[row]!);
    distinct.set(field, (distinct.get(field) ?? 0) + 1);
  }
  const ranked = fields.flatMap((field, row): RankedDifference[] => {
    const value = values[row]!;
    if (value === "" || asked.leaveOut.has(field)) return [];
    const covered = having.get(field)!;
    if (isIdentifier(distinct.get(field)!, covered)) return [];
    const inside = insides[row]!;
    const outside = alls[row]! - inside;
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
        coverage: field === "event" ? Math.min(1, covered / total) : covered / total,
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

/** How much of a difference is certain: the end of its interval nearer to 0; 0 where the interval holds 0. */
export function certain(difference: { readonly low: number; readonly high: number }): number {
  return difference.low > 0 ? difference.low : difference.high < 0 ? -difference.high : 0;
}

function fieldName(tag: number, key: string): string {
  if (tag === ATTRIBUTE) return `attributes.${key}`;
  return { service_name: "service", status_code: "status", scope_name: "scope" }[key] ?? key;
}

function isIdentifier(distinct: number, rows: number): boolean {
  return distinct > MOST_VALUES || (distinct > 20 && distinct > NEARLY_UNIQUE * rows);
}

interface ResourceCount {
  readonly resource: string;
  readonly inside: number;
  readonly all: number;
}

/** Rows on both sides by resource, of which there are few: counted whole, they are taken apart here. */
async function countResources(
  question: Question,
  range: TimeRange,
  where: Predicate | undefined,
  inside: Predicate,
): Promise<readonly ResourceCount[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        as("resource", column("resource")),
        as("inside", call("countIf", test(inside))),
        as("all", call("count")),
      ],
      groupBy: ["resource"],
      limit: MOST_RESOURCES,
    }),
  );
  if (frame.rowCount === MOST_RESOURCES) question.markPartial();
  const insides = frame.numbers("inside");
  const alls = frame.numbers("all");
  return frame.strings("resource").map((resource, row) => ({ resource, inside: insides[row]!, all: alls[row]! }));
}

function resourceValues(
  resources: readonly ResourceCount[],
): readonly { key: string; value: string; inside: number; all: number }[] {
  const found = new Map<string, { key: string; value: string; inside: number; all: number }>();
  for (const { resource, inside, all } of resources)
    for (const [key, value] of parseResource(resource)) {
      const name = JSON.stringify([key, value]);
      const one = found.get(name) ?? { key, value, inside: 0, all: 0 };
      one.inside += inside;
      one.all += all;
      found.set(name, one);
    }
  return [...found.values()];
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

async function countableKeys(
  question: Question,
  asked: DifferencesAsked,
  insideCount: number,
  outsideCount: number,
): Promise<readonly string[]> {
  const sampled = (of: Predicate, count: number): Predicate => {
    const every = Math.ceil(count / SAMPLED);
    return every <= 1 ? of : and(of, equals(call("modulo", call("hash", column("span_id")), literal(every)), 0))!;
  };
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "spans",
        time: asked.range,
        where: and(asked.where, or(sampled(asked.inside, insideCount), sampled(not(asked.inside), outsideCount))),
        columns: [as("pair", call("arrayJoin", call("taggedPairs", column("attributes"), literal(ATTRIBUTE))))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("key", call("element", column("pair"), literal(2))),
        as("rows", call("count")),
        as("values", call("uniq", call("element", column("pair"), literal(3)))),
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
