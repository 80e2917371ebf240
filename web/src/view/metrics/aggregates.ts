export const AGGREGATES = ["avg", "sum", "min", "max", "rate", "increase", "p50", "p95", "p99"] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** What one usually wants to see of a metric of that type. */
export function standardAggregate(type: string): Aggregate {
  if (/histogram|summary/.test(type)) return "p95";
  return /sum|counter/.test(type) ? "rate" : "avg";
}

export function isAggregate(text: string | undefined): text is Aggregate {
  return AGGREGATES.includes(text as Aggregate);
}
