import { and, not } from "#plan/expression.ts";
import type { Expression, Predicate } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";

const MOST_WORDS = 32;

/**
 * What is typed into the log search: words (all must occur), "a phrase" (its words one after the other), -word or -"phrase"
 * (must not occur). Any ASCII case. undefined when nothing is asked. Throws bad-request with a position.
 */
export function textPredicate(left: Expression, text: string): Predicate | undefined {
  const parts: Predicate[] = [];
  for (const match of text.matchAll(/(-?)(?:"([^"]*)("?)|(\S+))/g)) {
    const [, minus, phrase, closing, word] = match;
    if (phrase !== undefined && closing === "")
      throw new Failure("bad-request", "text: unfinished phrase", { position: match.index });
    const value = phrase ?? word!;
    if (!/[A-Za-z0-9\u0080-\uffff]/.test(value)) continue;
    const found: Predicate = { kind: "phrase", left, text: value };
    parts.push(minus === "-" ? not(found) : found);
    if (parts.length > MOST_WORDS) throw new Failure("bad-request", `text: more than ${MOST_WORDS} words`);
  }
  return and(...parts);
}
