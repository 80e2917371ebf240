import { z } from "zod";

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30 };

/** `500ms`, `30s`, `5m`, `1h` as milliseconds. */
export const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(value));
  const ms = match === null ? Number.NaN : Number(match[1]) * DURATION_MS[match[2]!]!;
  if (!(ms >= 0 && ms <= 7 * 24 * 3_600_000)) {
    context.addIssue({ code: "custom", message: "is no duration like 500ms, 30s, 5m or 1h (7 days at most)" });
    return z.NEVER;
  }
  return ms;
});

/** `256MiB`, `2GiB` as bytes. */
export const size = z.string().transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/.exec(value);
  if (match === null) {
    context.addIssue({ code: "custom", message: "is no size like 256MiB or 2GiB" });
    return z.NEVER;
  }
  return Math.round(Number(match[1]) * SIZE_BYTES[match[2]!]!);
});

export type Comparison = "<" | "<=" | ">" | ">=" | "==" | "!=";

/** `< 0.02`, `>= 100`. */
export const expectation = z.string().transform((value, context) => {
  const match = /^\s*(<=|>=|<|>|==|!=)\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*$/i.exec(value);
  if (match === null) {
    context.addIssue({ code: "custom", message: "is no comparison like `< 0.02` or `>= 100`" });
    return z.NEVER;
  }
  return { comparison: match[1] as Comparison, bound: Number(match[2]) };
});

export function holds(value: number, { comparison, bound }: { comparison: Comparison; bound: number }): boolean {
  switch (comparison) {
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "==":
      return value === bound;
    case "!=":
      return value !== bound;
  }
}
