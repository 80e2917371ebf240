import type { Select } from "#plan/select.ts";
import type { Frame } from "../frame.ts";
import { narrowByTraceTime } from "./narrow-by-trace-time.ts";
import { narrowSlowest } from "./narrow-slowest.ts";
import { promoteAttributes } from "./promote-attributes.ts";
import { useLogStats, useSpanStats } from "./use-minute-statistics.ts";

/** A rewrite that needs nothing but the Select. Returns undefined where it does not apply. */
export interface RewriteRule {
  readonly name: string;
  rewrite(select: Select): { readonly select: Select; readonly why: string } | undefined;
}

/** A rewrite that first asks a small question of a summary; both halves are pure. */
export interface NarrowingRule {
  readonly name: string;
  question(select: Select): Select | undefined;
  narrow(select: Select, answer: Frame): { readonly select: Select; readonly why: string } | undefined;
}

export interface RuleUse {
  readonly name: string;
  readonly why: string;
}

/** In order: summaries first (they make the rest needless), then narrowing, then columns. */
const NARROWING: readonly NarrowingRule[] = [narrowByTraceTime, narrowSlowest];
const REWRITES_BEFORE: readonly RewriteRule[] = [useSpanStats, useLogStats];
const REWRITES_AFTER: readonly RewriteRule[] = [promoteAttributes];

export async function applyRules(
  asked: Select,
  ask: (select: Select) => Promise<Frame>,
): Promise<{ select: Select; rules: readonly RuleUse[] }> {
  const rules: RuleUse[] = [];
  let select = asked;
  const rewrite = (list: readonly RewriteRule[]): void => {
    for (const rule of list) {
      const changed = rule.rewrite(select);
      if (changed === undefined) continue;
      select = changed.select;
      rules.push({ name: rule.name, why: changed.why });
    }
  };
  rewrite(REWRITES_BEFORE);
  for (const rule of NARROWING) {
    const question = rule.question(select);
    if (question === undefined) continue;
    const changed = rule.narrow(select, await ask(question));
    if (changed === undefined) continue;
    select = changed.select;
    rules.push({ name: rule.name, why: changed.why });
  }
  rewrite(REWRITES_AFTER);
  return { select, rules };
}
