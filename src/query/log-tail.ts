import { and, as, call, column, compare, descending, literal, output, select } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { LOG_COLUMNS, type LogLine, readLines } from "./log-search.ts";
import type { Question } from "./question.ts";

/** Lines as they arrive: what a look found, oldest first, and how many it had to leave out. */
export interface TailLook {
  readonly lines: readonly LogLine[];
  readonly dropped: number;
}

/** Lines of one look; what is more is counted and left out. */
const MOST_LINES = 500;
/** How late a line may be and still be shown. */
const LATE_NS = 600_000_000_000n;

/**
 * Follows the logs by the number of the load that brought each line, not by its time: clocks differ and batches come late,
 * loads follow one another. The last load is looked at again, since a load over midnight arrives in two parts; what was
 * shown of it is remembered.
 */
export class LogTail {
  readonly #where: Predicate | undefined;
  #load: bigint | undefined;
  #shown = new Set<string>();

  constructor(where: Predicate | undefined) {
    this.#where = where;
  }

  /** What arrived since the last look; the first look finds where the tail begins and shows nothing. */
  async look(question: Question): Promise<TailLook> {
    const time = { fromUnixNano: question.nowUnixNano - LATE_NS, toUnixNano: question.nowUnixNano + LATE_NS };
    if (this.#load === undefined) {
      // Without the tail's filters: where nothing has matched so far, the tail still begins now.
      const frame = await question.read(
        select({
          tenant: question.tenant,
          from: "logs",
          time,
          columns: [as("load", call("text", call("max", column("load"))))],
          limit: 1,
        }),
      );
      this.#load = BigInt(frame.strings("load")[0] ?? "0");
      // All of that load counts as shown.
      this.#load += 1n;
      return { lines: [], dropped: 0 };
    }
    const where = and(this.#where, compare(column("load"), ">=", literal(this.#load)));
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from: "logs",
        time,
        where,
        columns: [...LOG_COLUMNS, as("load", call("text", column("load")))],
        orderBy: [descending(column("load")), descending(column("time")), descending(output("hash"))],
        limit: MOST_LINES + this.#shown.size,
      }),
    );
    const { lines } = readLines(frame);
    const loads = frame.strings("load").map(BigInt);
    const fresh = lines.flatMap((line, row) =>
      loads[row] === this.#load && this.#shown.has(line.id) ? [] : [{ line, load: loads[row]! }],
    );
    const newest = loads[0];
    if (newest === undefined) return { lines: [], dropped: 0 };
    let dropped = 0;
    if (fresh.length >= MOST_LINES) {
      const counted = await question.read(
        select({ tenant: question.tenant, from: "logs", time, where, columns: [as("count", call("count"))], limit: 1 }),
      );
      dropped = Math.max(0, counted.numbers("count")[0]! - (lines.length - fresh.length) - MOST_LINES);
    }
    if (newest > this.#load || dropped > 0) this.#shown = new Set();
    // What was left out is not shown later: the tail goes on behind it.
    this.#load = dropped > 0 ? newest + 1n : newest;
    if (dropped === 0) for (const { line, load } of fresh) if (load === newest) this.#shown.add(line.id);
    return {
      lines: fresh
        .slice(0, MOST_LINES)
        .map(({ line }) => line)
        .reverse(),
      dropped,
    };
  }
}
