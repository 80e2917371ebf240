import type { Sink } from "../metric/sink.ts";
import type { Totals, View } from "../metric/totals.ts";
import type { ThresholdOption } from "../options.ts";
import type { Metric } from "../samples.ts";
import { parseSubmetricName } from "./submetric-name.ts";
import {
  holds,
  parseThreshold,
  printMethod,
  THRESHOLD_METHODS,
  type ThresholdExpression,
  type ThresholdMethod,
} from "./threshold-expression.ts";

/** A threshold that cannot be: run ends it with exit code 104 before it starts. */
export interface InvalidThreshold {
  /** Key in `options.thresholds`. */
  readonly metric: string;
  /** The assertion; empty when the key is wrong. */
  readonly source: string;
  /** Complete, for people. */
  readonly message: string;
}

export interface ThresholdResult {
  /** Key in `options.thresholds`: metric or submetric. */
  readonly metric: string;
  readonly source: string;
  /** `p(95)`, `rate` … */
  readonly method: string;
  /** What it was compared with; undefined when there is nothing yet to compare, which passes. */
  readonly value: number | undefined;
  readonly ok: boolean;
  /** The true value can be on either side: the samples were too many to keep, and the value is known only to HISTOGRAM_RELATIVE_ERROR. `ok` then says what the estimate says. */
  readonly undecided: boolean;
}

export interface ThresholdVerdict {
  readonly results: readonly ThresholdResult[];
  /** Metrics and submetrics with a threshold that does not hold, sorted. */
  readonly breached: readonly string[];
  /** A threshold with abortOnFail does not hold, beyond doubt and past its delayAbortEval. */
  readonly abort: boolean;
}

interface Bound {
  readonly key: string;
  readonly view: View;
  readonly thresholds: readonly { readonly expression: ThresholdExpression; readonly option: ThresholdOption }[];
}

/** The thresholds of a run, each bound to its part of Totals. */
export class ThresholdSet {
  readonly #bound: readonly Bound[];

  constructor(bound: readonly Bound[]) {
    this.#bound = bound;
  }

  /** Metrics and submetrics that have thresholds: summaries show them even without samples. */
  get views(): ReadonlyMap<string, View> {
    return new Map(this.#bound.map(({ key, view }) => [key, view]));
  }

  /**
   * Compares. While the test runs, metrics without samples are left out; at the end (`final`) they count as k6 counts them: a
   * counter and every trend value is 0, a rate passes.
   */
  evaluate(elapsedMs: number, final: boolean): ThresholdVerdict {
    const results: ThresholdResult[] = [];
    const breached = new Set<string>();
    let abort = false;
    for (const { key, view, thresholds } of this.#bound) {
      if (!final && view.sink.isEmpty) continue;
      for (const { expression, option } of thresholds) {
        const result = evaluate(key, view.sink, expression, elapsedMs);
        results.push(result);
        if (result.ok) continue;
        breached.add(key);
        const delayed = option.delayAbortEvalMs > 0 && option.delayAbortEvalMs >= elapsedMs;
        if (option.abortOnFail && !delayed && !result.undecided) abort = true;
      }
    }
    return { results, breached: [...breached].sort(), abort };
  }
}

/** Reads `options.thresholds` against the metrics that the script has defined by now (after the init context). */
export function bindThresholds(
  totals: Totals,
  options: Readonly<Record<string, readonly ThresholdOption[]>>,
): { readonly thresholds: ThresholdSet; readonly invalid: readonly InvalidThreshold[] } {
  const bound: Bound[] = [];
  const invalid: InvalidThreshold[] = [];
  for (const [key, list] of Object.entries(options)) {
    const name = parseSubmetricName(key);
    if ("problem" in name) {
      const message = `threshold on "${key}": ${name.problem} (at character ${name.position + 1})`;
      invalid.push({ metric: key, source: "", message });
      continue;
    }
    const metric = totals.registry.find(name.metric);
    if (metric === undefined) {
      invalid.push({
        metric: key,
        source: "",
        message: `threshold on "${key}": there is no metric "${name.metric}", neither built in nor made by the script`,
      });
      continue;
    }
    const thresholds: { expression: ThresholdExpression; option: ThresholdOption }[] = [];
    for (const option of list) {
      const problem = readOne(key, metric, option, thresholds);
      if (problem !== undefined) invalid.push({ metric: key, source: option.threshold, message: problem });
    }
    bound.push({ key, view: totals.view(metric, name.tags), thresholds });
  }
  // The summary shows it in any case; opened now, it is exact for as long as a submetric with a threshold is.
  const duration = totals.registry.find("http_req_duration");
  if (duration !== undefined) totals.view(duration, [["expected_response", "true"]]);
  return { thresholds: new ThresholdSet(bound), invalid };
}

function readOne(
  key: string,
  metric: Metric,
  option: ThresholdOption,
  into: { expression: ThresholdExpression; option: ThresholdOption }[],
): string | undefined {
  const expression = parseThreshold(option.threshold);
  if ("problem" in expression)
    return `threshold "${option.threshold}" on "${key}": ${expression.problem} (at character ${expression.position + 1})`;
  const methods = THRESHOLD_METHODS[metric.type];
  if (!methods.includes(expression.method.name))
    return (
      `threshold "${option.threshold}" on "${key}": a ${metric.type} has no ${expression.method.name}; ` +
      `it has ${methods.map((name) => (name === "p" ? "p(N)" : name)).join(", ")}`
    );
  into.push({ expression, option });
  return undefined;
}

function evaluate(key: string, sink: Sink, expression: ThresholdExpression, elapsedMs: number): ThresholdResult {
  const value = valueOfMethod(sink, expression.method, elapsedMs);
  const about = { metric: key, source: expression.source, method: printMethod(expression.method) };
  if (value === undefined) return { ...about, value, ok: true, undecided: false };
  const ok = holds(expression.operator, value, expression.value);
  const [low, high] = bounds(sink, expression.method, value);
  const undecided =
    low !== high &&
    (holds(expression.operator, low, expression.value) !== holds(expression.operator, high, expression.value) ||
      (low <= expression.value && expression.value <= high));
  return { ...about, value, ok, undecided };
}

/** Undefined: nothing to compare. */
function valueOfMethod(sink: Sink, method: ThresholdMethod, elapsedMs: number): number | undefined {
  switch (method.name) {
    case "count":
      return sink.sum;
    case "rate":
      if (sink.type === "counter") return elapsedMs > 0 ? sink.sum / (elapsedMs / 1000) : undefined;
      return sink.count > 0 ? sink.sum / sink.count : undefined;
    case "value":
      return sink.last;
    case "avg":
      return sink.average;
    case "min":
      return sink.min;
    case "max":
      return sink.max;
    case "med":
      return sink.quantile(0.5);
    case "p":
      return sink.quantile(method.percent / 100);
  }
}

/** Between which values the true one is. */
function bounds(sink: Sink, method: ThresholdMethod, value: number): readonly [low: number, high: number] {
  const error = sink.distribution?.relativeError ?? 0;
  if (error === 0 || (method.name !== "p" && method.name !== "med")) return [value, value];
  const magnitude = Math.abs(value);
  const near = magnitude / (1 + error);
  const far = magnitude / (1 - error);
  const clamp = (edge: number): number => Math.min(sink.max, Math.max(sink.min, edge));
  return value >= 0 ? [clamp(near), clamp(far)] : [clamp(-far), clamp(-near)];
}
