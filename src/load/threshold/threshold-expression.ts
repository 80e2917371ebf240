import type { MetricType } from "../samples.ts";

export type ThresholdMethod =
  | { readonly name: "count" | "rate" | "value" | "avg" | "min" | "max" | "med" }
  /** 0 to 100. */
  | { readonly name: "p"; readonly percent: number };

const OPERATORS = ["<=", "<", ">=", ">", "===", "==", "!="] as const;
export type ThresholdOperator = (typeof OPERATORS)[number];

export interface ThresholdExpression {
  /** As written. */
  readonly source: string;
  readonly method: ThresholdMethod;
  readonly operator: ThresholdOperator;
  readonly value: number;
}

/** What is wrong in a text, and at which character of it (0-based). */
export interface ThresholdProblem {
  readonly problem: string;
  readonly position: number;
}

const PLAIN_METHODS = ["count", "rate", "value", "avg", "min", "max", "med"] as const;

/** What each type of metric can be asked, in the order in which messages list it. */
export const THRESHOLD_METHODS: Readonly<Record<MetricType, readonly ThresholdMethod["name"][]>> = {
  counter: ["count", "rate"],
  gauge: ["value"],
  rate: ["rate"],
  trend: ["avg", "min", "max", "med", "p"],
};

/** Go's decimal floats, which is what k6 takes; its hexadecimal ones are left out. */
const FLOAT = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i;

/**
 * Parses one assertion by k6's grammar:
 *
 *     assertion  = method ws* operator ws* float
 *     method     = "count" | "rate" | "value" | "avg" | "min" | "max" | "med" | "p(" float ")"
 *     operator   = ">" | ">=" | "<=" | "<" | "==" | "===" | "!="
 *
 * (grafana.com/docs/k6/latest/using-k6/thresholds). Whether the metric can be asked that is another question.
 */
export function parseThreshold(source: string): ThresholdExpression | ThresholdProblem {
  const operator = OPERATORS.find((candidate) => {
    const at = source.indexOf(candidate);
    return at >= 0 && source.length > at + candidate.length;
  });
  if (operator === undefined) return withoutOperator(source);
  const at = source.indexOf(operator);
  const method = parseMethod(source.slice(0, at));
  if ("problem" in method) return method;
  const right = source.slice(at + operator.length);
  const value = parseFloatExactly(right.trim());
  if (value === undefined)
    return {
      problem: right.trim() === "" ? "a number is missing" : `"${right.trim()}" is not a number`,
      position: at + operator.length + (right.length - right.trimStart().length),
    };
  return { source, method, operator, value };
}

function withoutOperator(source: string): ThresholdProblem {
  const dangling = OPERATORS.find((candidate) => source.endsWith(candidate));
  if (dangling !== undefined) return { problem: "a number is missing", position: source.length };
  const method = /^\s*[a-z]+(?:\([^)]*\))?/i.exec(source)?.[0] ?? "";
  return { problem: `an operator is missing, one of ${OPERATORS.join(" ")}`, position: method.length };
}

function parseMethod(text: string): ThresholdMethod | ThresholdProblem {
  const name = text.trim();
  const position = text.length - text.trimStart().length;
  const plain = PLAIN_METHODS.find((method) => method === name);
  if (plain !== undefined) return { name: plain };
  if (name === "") return { problem: "a method is missing before the operator", position };
  if (name === "p") return { problem: "p needs a percentile, as in p(95)", position: position + 1 };
  if (!name.startsWith("p("))
    return { problem: `"${name}" is no method; the methods are ${PLAIN_METHODS.join(", ")} and p(N)`, position };
  if (!name.endsWith(")"))
    return { problem: 'a ")" is missing after the percentile', position: position + name.length };
  const percent = parseFloatExactly(name.slice(2, -1));
  if (percent === undefined || !(percent >= 0 && percent <= 100))
    return { problem: `"${name.slice(2, -1)}" is no percentile; it is a number from 0 to 100`, position: position + 2 };
  return { name: "p", percent };
}

function parseFloatExactly(text: string): number | undefined {
  if (!FLOAT.test(text)) return undefined;
  const word = text.toLowerCase();
  if (word.includes("inf")) return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return word.endsWith("nan") ? Number.NaN : Number(text);
}

/** As summaries name what was asked: `p(95)`, `rate`. */
export function printMethod(method: ThresholdMethod): string {
  return method.name === "p" ? `p(${method.percent})` : method.name;
}

export function holds(operator: ThresholdOperator, left: number, right: number): boolean {
  switch (operator) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "!=":
      return left !== right;
    default:
      return left === right;
  }
}
