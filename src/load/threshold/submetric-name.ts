import type { ThresholdProblem } from "./threshold-expression.ts";

/** The key of a threshold: a metric, or those of its samples that carry certain tags. */
export interface SubmetricName {
  readonly metric: string;
  /** Empty for the metric as a whole. */
  readonly tags: readonly (readonly [key: string, value: string])[];
}

/** Parses `metric` or `metric{key:value,key2:value2}`. A value goes on to the next comma, so it may hold `:` and `/`; quotes around it are dropped. */
export function parseSubmetricName(name: string): SubmetricName | ThresholdProblem {
  const open = name.indexOf("{");
  const close = name.lastIndexOf("}");
  if (open < 0 && close < 0) return { metric: name, tags: [] };
  if (open < 0) return { problem: 'a "{" is missing', position: close };
  if (close < 0) return { problem: 'a "}" is missing at the end', position: name.length };
  if (close < open) return { problem: '"}" stands before "{"', position: close };
  if (close !== name.length - 1) return { problem: '"}" must be the last character', position: close + 1 };
  const tags: [string, string][] = [];
  let position = open + 1;
  for (const part of name.slice(open + 1, close).split(",")) {
    const colon = part.indexOf(":");
    const value = colon < 0 ? "" : part.slice(colon + 1);
    if (value === "") return { problem: "a tag is written key:value", position };
    tags.push([unquoted(part.slice(0, colon)), unquoted(value)]);
    position += part.length + 1;
  }
  return { metric: name.slice(0, open), tags };
}

function unquoted(text: string): string {
  return text.trim().replace(/^["']+|["']+$/g, "");
}
