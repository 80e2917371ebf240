import type { Engine, ReadLimits } from "#engine/engine.ts";
import { printSelect } from "#plan/print.ts";
import { restrict } from "#plan/restrict.ts";
import type { Select } from "#plan/select.ts";
import { type CompiledSelect, compileSelect } from "./compile.ts";
import { type Frame, parseFrame } from "./frame.ts";
import { applyRules, type RuleUse } from "./planner/rules.ts";

/** How an answer came about; the API's Statistics. */
export interface QuestionStatistics {
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly partial: boolean;
}

/** One read as it was run, for EXPLAIN. */
export interface ReadRecord {
  readonly asked: Select;
  readonly run: Select;
  readonly rules: readonly RuleUse[];
  readonly compiled: CompiledSelect;
  readonly rowsRead: number;
  readonly rows: number;
  readonly elapsedMs: number;
  /** Reads side by side end in any order; this is when each was asked, with those that its planning asked. */
  readonly turn: number;
}

/**
 * One person's question: all reads that answer it share tenant, limits, cancellation and statistics. Selects are restricted
 * to the tenant here and nowhere else, so no caller can forget.
 */
export class Question {
  readonly tenant: string;
  readonly nowUnixNano: bigint;
  readonly signal: AbortSignal | undefined;
  readonly reads: ReadRecord[] = [];
  readonly #engine: Engine;
  readonly #limits: ReadLimits;
  #turns = 0;
  #elapsedMs = 0;
  #rowsRead = 0;
  #bytesRead = 0;
  #partial = false;

  constructor(
    engine: Engine,
    asked: { readonly tenant: string; readonly nowUnixNano: bigint; readonly limits?: ReadLimits },
    signal?: AbortSignal,
  ) {
    this.#engine = engine;
    this.#limits = asked.limits ?? {};
    this.tenant = asked.tenant;
    this.nowUnixNano = asked.nowUnixNano;
    this.signal = signal;
  }

  /** Runs one Select. Throws what Engine.read throws. */
  async read(select: Select): Promise<Frame> {
    const turn = this.#turns++;
    const asked = restrict(select, this.tenant);
    const { select: run, rules } = await applyRules(asked, (inner) => this.#run(inner, inner, [], turn));
    return this.#run(asked, run, rules, turn);
  }

  async #run(asked: Select, run: Select, rules: readonly RuleUse[], turn: number): Promise<Frame> {
    const compiled = compileSelect(run);
    const answer = await this.#engine.read(
      { sql: compiled.sql, parameters: compiled.parameters, format: "JSONCompact", limits: this.#limits },
      this.signal,
    );
    const frame = parseFrame(answer, compiled.names);
    this.#elapsedMs += answer.elapsedMs;
    this.#rowsRead += answer.rowsRead;
    this.#bytesRead += answer.bytesRead;
    this.reads.push({
      asked,
      run,
      rules,
      compiled,
      rowsRead: answer.rowsRead,
      rows: frame.rowCount,
      elapsedMs: answer.elapsedMs,
      turn,
    });
    return frame;
  }

  /** A limit cut the answer short. */
  markPartial(): void {
    this.#partial = true;
  }

  get statistics(): QuestionStatistics {
    return {
      elapsedMs: Math.round(this.#elapsedMs * 10) / 10,
      rowsRead: this.#rowsRead,
      bytesRead: this.#bytesRead,
      partial: this.#partial,
    };
  }

  /** What was read and why, as text. Costs are shown by `withCosts` only, so that the rest is the same every time. */
  explain(withCosts: boolean): string {
    return this.reads
      .toSorted((a, b) => a.turn - b.turn)
      .map((read, index) => {
        const rules = read.rules.map((rule) => `  rule     ${rule.name}: ${rule.why}\n`).join("");
        const costs = withCosts
          ? `  cost     ${read.rowsRead} rows read, ${read.rows} answered, ${read.elapsedMs.toFixed(1)} ms\n`
          : "";
        return `#${index + 1}\n${printSelect(read.run)}\n${rules}${costs}  sql      ${read.compiled.sql}\n`;
      })
      .join("\n");
  }
}
