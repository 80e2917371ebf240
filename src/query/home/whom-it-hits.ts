import { and, as, column, equals, select } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import type { Question } from "../question.ts";
import { certain, type RankedDifference, rankDifferences } from "../span-differences.ts";
import { affectedSpans, operationSpans } from "./affected-traces.ts";
import type { OperationProblem } from "./problem.ts";

const ASKED = 60;
const MOST_DIFFERENCES = 8;
/** A difference this certain tells whom it hits; with less, the requests around the spans are asked too. */
const CLEAR = 0.3;
/** What is less than this part as certain as the first only distracts. */
const WORTH_TELLING = 1 / 3;
/** Differences this close are equal to the precision of such samples. */
const EQUAL = 0.1;
const MOST_TRACES = 100_000;
/** Fields that only say again that the span is slow or failed, or which span it is. */
const SELF_EVIDENT: ReadonlySet<string> = new Set(["kind", "status", "status_message", "event", "scope"]);
/** Attributes that the semantic conventions set when a span ends, from its outcome: consequences, never reasons. */
const OUTCOME = /^attributes\.(error|exception|otel)\.|^attributes\.[a-z_.]*\b(response|status_code|returned_rows)\b/;
/** Names of one process or connection: left out where a name that outlives it tells as much. */
const INSTANCE = /(^|[._])(id|pid|port|address|command_args|command_line)$/;

/**
 * Whom a problem hits: what the affected spans have, and the others of the operation have not; first by the attributes of
 * the spans themselves and, where these say little, by those of the requests they are part of.
 */
export async function tellWhomItHits(
  question: Question,
  problem: OperationProblem,
): Promise<readonly RankedDifference[]> {
  const range = { fromUnixNano: BigInt(problem.sinceMs) * 1_000_000n, toUnixNano: question.nowUnixNano };
  const spans = operationSpans(problem);
  const affected = and(spans, affectedSpans(problem))!;
  const own = await rankDifferences(question, {
    range,
    where: spans,
    inside: affectedSpans(problem),
    sameOperations: false,
    leaveOut: new Set([...SELF_EVIDENT, "name", "service"]),
    limit: ASKED,
  });
  const found = telling(own.differences);
  if (found.length > 0 && certain(found[0]!) > CLEAR) return found;
  const inTracesWith = (where: Predicate): Predicate => ({
    kind: "in-select",
    left: column("trace_id"),
    select: select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [as("trace", column("trace_id"))],
      groupBy: ["trace"],
      limit: MOST_TRACES,
    }),
  });
  const entry = await rankDifferences(question, {
    range,
    where: and(equals(column("parent_span_id"), ""), inTracesWith(spans)),
    inside: inTracesWith(affected),
    sameOperations: false,
    leaveOut: SELF_EVIDENT,
    limit: ASKED,
  });
  return telling([...found, ...entry.differences]);
}

/** What sets the affected apart, the likeliest reasons first. What they lack says the same the other way round. */
function telling(differences: readonly RankedDifference[]): readonly RankedDifference[] {
  const ranked = differences
    .filter((difference) => difference.low > 0 && !OUTCOME.test(difference.field))
    .sort((a, b) => certain(b) - certain(a));
  const most = Math.max(0, ...ranked.map(certain));
  const lasting = Math.max(0, ...ranked.filter(({ field }) => !INSTANCE.test(field)).map(certain));
  const seen = new Set<string>();
  return ranked
    .filter((difference) => {
      const key = JSON.stringify([difference.field, difference.value]);
      const isNew = !seen.has(key);
      seen.add(key);
      const certainly = certain(difference);
      return (
        isNew && certainly >= WORTH_TELLING * most && !(INSTANCE.test(difference.field) && certainly <= lasting + EQUAL)
      );
    })
    .slice(0, MOST_DIFFERENCES);
}
