import { as, call, column, conjuncts, isIn, select } from "#plan/expression.ts";
import { printTime } from "#plan/print.ts";
import type { Select } from "#plan/select.ts";
import { earlier, later } from "../time.ts";
import type { NarrowingRule } from "./rules.ts";

const TABLES: ReadonlySet<string> = new Set(["spans"]);
const MOST_IDS = 1000;
/** Below this the range is small already. */
const WIDE_NS = 3_600_000_000_000n;

/** Trace ids that a Select is restricted to by equality. */
function tracesOf(of: Select): readonly string[] | undefined {
  for (const part of conjuncts(of.where)) {
    const left = part.kind === "compare" || part.kind === "in" ? part.left : undefined;
    if (left?.kind !== "column" || left.name !== "trace_id") continue;
    if (part.kind === "in" && part.values.length <= MOST_IDS) return part.values.map(String);
    if (part.kind === "compare" && part.op === "=" && part.right.kind === "literal") return [String(part.right.value)];
  }
  return undefined;
}

/**
 * A lookup by trace id over a long time first asks the `traces` summary, which is sorted by id, when the trace was: the spans
 * are sorted by service and time, and without a time every day's bloom filter must be read.
 */
export const narrowByTraceTime: NarrowingRule = {
  name: "narrow-by-trace-time",
  question(of) {
    if (typeof of.from !== "string" || !TABLES.has(of.from) || of.time === undefined) return undefined;
    if (of.time.toUnixNano - of.time.fromUnixNano <= WIDE_NS) return undefined;
    const ids = tracesOf(of);
    if (ids === undefined || ids.length === 0) return undefined;
    return select({
      tenant: of.tenant,
      from: "traces",
      time: of.time,
      where: isIn(column("trace_id"), ids),
      columns: [
        as("first", call("unixNanoText", call("min", column("start_time")))),
        as("last", call("unixNanoText", call("max", column("end_time")))),
        as("rows", call("count")),
      ],
      limit: 1,
    });
  },
  narrow(of, answer) {
    if (of.time === undefined) return undefined;
    if (answer.numbers("rows")[0] === 0)
      return {
        select: { ...of, time: { fromUnixNano: of.time.fromUnixNano, toUnixNano: of.time.fromUnixNano + 1n } },
        why: "no such trace in `traces`",
      };
    const first = BigInt(answer.strings("first")[0]!);
    const last = BigInt(answer.strings("last")[0]!);
    // A span that ends before it starts makes `end_time` the lesser: a second of slack on both sides.
    const fromUnixNano = later(of.time.fromUnixNano, first - 1_000_000_000n);
    const toUnixNano = earlier(of.time.toUnixNano, later(last, first) + 1_000_000_000n);
    return {
      select: { ...of, time: { fromUnixNano, toUnixNano: later(toUnixNano, fromUnixNano + 1n) } },
      why: `\`traces\` has it from ${printTime(first)}`,
    };
  },
};
