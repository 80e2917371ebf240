/**
 * The functions a Select may call. Each says how it is written in the engine's SQL, so that a plan never carries SQL and a
 * name outside this table cannot reach the engine. `aggregate` marks those that fold rows.
 */
export interface PlanFunction {
  /** Number of arguments: exact, or at least and at most. */
  readonly arity: number | readonly [number, number];
  readonly aggregate: boolean;
  readonly sql: (...args: readonly string[]) => string;
}

const scalar = (arity: PlanFunction["arity"], sql: PlanFunction["sql"]): PlanFunction => ({
  arity,
  aggregate: false,
  sql,
});
const aggregate = (arity: PlanFunction["arity"], sql: PlanFunction["sql"]): PlanFunction => ({
  arity,
  aggregate: true,
  sql,
});
const plain = (name: string, arity: PlanFunction["arity"]): PlanFunction =>
  scalar(arity, (...args) => `${name}(${args.join(", ")})`);
const folding = (name: string, arity: PlanFunction["arity"]): PlanFunction =>
  aggregate(arity, (...args) => `${name}(${args.join(", ")})`);
const infix = (operator: string): PlanFunction => scalar(2, (a, b) => `(${a} ${operator} ${b})`);

export const FUNCTIONS: Readonly<Record<string, PlanFunction>> = {
  // Aggregates
  count: folding("count", 0),
  countIf: folding("countIf", 1),
  sum: folding("sum", 1),
  min: folding("min", 1),
  max: folding("max", 1),
  avg: folding("avg", 1),
  any: folding("any", 1),
  anyLast: folding("anyLast", 1),
  argMax: folding("argMax", 2),
  uniq: folding("uniq", 1),
  groupUniqArray: folding("groupUniqArray", 1),
  /** The values of all rows; those of two calls in one Select stand in the same order. */
  groupArray: folding("groupArray", 1),
  groupUniqArrayArray: folding("groupUniqArrayArray", 1),
  sumMap: folding("sumMap", 1),
  /** A grouped value summed over all groups, those cut off by the limit included. */
  overAll: scalar(1, (value) => `sum(${value}) OVER ()`),
  /** Counts in log-scale buckets of eight to a doubling (math/log-buckets.ts): map of bucket to count. */
  durationBuckets: aggregate(1, (value) => `sumMap(map(toInt16(floor(8 * log2(greatest(${value}, 1)))), toUInt64(1)))`),

  // Time. Everything is compared and bucketed as Unix nanoseconds.
  /** A time from Unix nanoseconds, to compare a time column with. */
  time: scalar(1, (nano) => `fromUnixTimestamp64Nano(${nano}, 'UTC')`),
  unixNano: scalar(1, (time) => `toUnixTimestamp64Nano(toDateTime64(${time}, 9, 'UTC'))`),
  /** The same as decimal text: JSON numbers are exact to 2^53 only. */
  unixNanoText: scalar(1, (time) => `toString(toUnixTimestamp64Nano(toDateTime64(${time}, 9, 'UTC')))`),
  /** The same for an array of DateTime64(9). */
  unixNanoTexts: scalar(1, (times) => `arrayMap(t -> toString(toUnixTimestamp64Nano(t)), ${times})`),
  /** Index of the bucket: (time, start ns, width ns). */
  bucket: scalar(
    3,
    (time, start, width) => `intDiv(toUnixTimestamp64Nano(toDateTime64(${time}, 9, 'UTC')) - ${start}, ${width})`,
  ),
  /** Bucket of a duration, as durationBuckets counts them. */
  durationBucket: scalar(1, (value) => `toInt16(floor(8 * log2(greatest(${value}, 1))))`),

  // Values
  text: plain("toString", 1),
  number: plain("toFloat64OrNull", 1),
  int: plain("toInt64", 1),
  lower: plain("lower", 1),
  /** Text at a JSONPath of JSON text, '' where it is missing: (json, path). */
  jsonValue: plain("JSON_VALUE", 2),
  if: plain("if", 3),
  length: plain("length", 1),
  has: plain("has", 2),
  tuple: plain("tuple", [1, 16]),
  element: scalar(2, (value, index) => `tupleElement(${value}, ${index})`),
  concat: plain("concat", [2, 8]),
  hash: plain("cityHash64", [1, 12]),
  plus: infix("+"),
  minus: infix("-"),
  times: infix("*"),
  divide: infix("/"),
  modulo: infix("%"),
  intDiv: plain("intDiv", 2),
  greatest: plain("greatest", 2),
  least: plain("least", 2),
  array: scalar([1, 16], (...args) => `[${args.join(", ")}]`),
  arrayJoin: plain("arrayJoin", 1),
  mapKeys: plain("mapKeys", 1),
  mapValues: plain("mapValues", 1),
  /** Whole numbers as ones that JSON can write plainly: exact to 2^53. */
  reals: scalar(1, (list) => `CAST(${list}, 'Array(Float64)')`),
  /** Entries of a map, one a row, as (key, value). */
  entries: plain("arrayJoin", 1),
  arrayDistinct: plain("arrayDistinct", 1),
  /** The entry of the second array where the first has the value, -1 where it has not: (value, from, to). */
  transform: scalar(3, (value, from, to) => `transform(${value}, ${from}, ${to}, toInt64(-1))`),

  // Counters. Points of one series in order of time; see query/metric/counter-rate.ts.
  /** Value of the point before, null for the first: (value, series, time). */
  previous: scalar(
    3,
    (value, series, time) =>
      `lagInFrame(toNullable(${value})) OVER (PARTITION BY ${series} ORDER BY ${time} ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)`,
  ),
  isNull: plain("isNull", 1),
  /** The value, which is not null here. */
  present: plain("assumeNotNull", 1),
  /** Whole numbers from the first up to, not including, the second. */
  range: plain("range", 2),
  sumForEach: folding("sumForEach", 1),
  real: plain("toFloat64", 1),
  contains: scalar(2, (text, part) => `(positionCaseInsensitive(${text}, ${part}) > 0)`),
};

/** How many arguments are too few or too many, as a sentence; undefined when right. */
export function arityProblem(name: string, count: number): string | undefined {
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (known === undefined) return `no function ${name} in plan/functions.ts`;
  const [least, most] = typeof known.arity === "number" ? [known.arity, known.arity] : known.arity;
  return count < least || count > most ? `${name} takes ${least} to ${most} arguments, not ${count}` : undefined;
}
