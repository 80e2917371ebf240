/**
 * The narrow read waist. Every read, in whatever language it was asked, is one or more Select values: plain data that access
 * policy may restrict, planner rules may rewrite, EXPLAIN prints and the executor compiles. Nothing else reaches the engine's
 * tables but the confined SQL endpoint.
 */
export type TableName =
  | "spans"
  | "traces"
  | "span_stats"
  | "service_edges"
  | "logs"
  | "log_stats"
  | "series"
  | "points"
  | "samples"
  | "histograms"
  | "exemplars";

/** Unix nanoseconds, from inclusive, to exclusive. */
export interface TimeRange {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

export type Scalar = string | number | bigint | boolean;

export type Expression =
  | { readonly kind: "column"; readonly name: string }
  /** `attributes['key']` or `resource_attributes['key']`; the planner reads a promoted column where there is one. */
  | {
      readonly kind: "attribute";
      readonly map: "attributes" | "resource_attributes" | "scope_attributes";
      readonly key: string;
    }
  | { readonly kind: "literal"; readonly value: Scalar }
  /** A function of the allow-list in plan/functions.ts. */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] };

export type Predicate =
  | { readonly kind: "and" | "or"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  | {
      readonly kind: "compare";
      readonly op: "=" | "!=" | "<" | "<=" | ">" | ">=";
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "in"; readonly left: Expression; readonly values: readonly Scalar[] }
  /** RE2, unanchored. */
  | { readonly kind: "match"; readonly left: Expression; readonly pattern: string }
  /** Case-insensitive: every token of `text` in order as one phrase. */
  | { readonly kind: "phrase"; readonly left: Expression; readonly text: string }
  /** The attribute is there, whatever its value. */
  | { readonly kind: "exists"; readonly left: Expression };

export interface SelectColumn {
  readonly as: string;
  readonly value: Expression;
}

export interface Order {
  readonly by: string;
  readonly descending: boolean;
}

export interface Select {
  readonly tenant: string;
  readonly from: TableName;
  readonly time: TimeRange;
  readonly where: Predicate | undefined;
  readonly columns: readonly SelectColumn[];
  /** Names of `columns` to group by; the others are then aggregates. */
  readonly groupBy: readonly string[];
  readonly having: Predicate | undefined;
  readonly orderBy: readonly Order[];
  /** Rows at most per value of the named columns (the engine's LIMIT BY). */
  readonly limitBy?: { readonly count: number; readonly columns: readonly string[] };
  readonly limit: number;
}
