/**
 * The narrow read waist. Every read, in whatever language it was asked, is one or more Select values: plain data that access
 * policy may restrict (restrict.ts), planner rules may rewrite, EXPLAIN prints (print.ts) and the executor compiles. Nothing
 * else reaches the engine's tables but the confined SQL endpoint.
 *
 * Invariants the executor holds a Select to: columns exist in the source, functions stand in functions.ts, literals travel as
 * bound parameters, every Select has a limit and a tenant, and a tenant of an outer Select is that of the inner.
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
  | "histograms"
  | "exemplars";

/** Unix nanoseconds, from inclusive, to exclusive. */
export interface TimeRange {
  readonly fromUnixNano: bigint;
  readonly toUnixNano: bigint;
}

export type Scalar = string | number | bigint | boolean;

export type AttributeMap = "attributes" | "resource_attributes" | "scope_attributes";

export type Expression =
  /** A column of the source: of the table, or of the inner Select. */
  | { readonly kind: "column"; readonly name: string }
  /** A column of this Select's own answer; only in `having` and `orderBy`. */
  | { readonly kind: "output"; readonly name: string }
  /** `attributes['key']`, '' where it is missing; the planner reads a promoted column where there is one. */
  | { readonly kind: "attribute"; readonly map: AttributeMap; readonly key: string }
  | { readonly kind: "literal"; readonly value: Scalar }
  /** Several values of one type, as an array. */
  | { readonly kind: "list"; readonly values: readonly Scalar[] }
  /** A function of the allow-list in functions.ts. */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  /** A condition as a value (1 or 0), for conditional aggregates. */
  | { readonly kind: "test"; readonly of: Predicate };

export type CompareOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

export type Predicate =
  | { readonly kind: "and" | "or"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  | {
      readonly kind: "compare";
      readonly op: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "in"; readonly left: Expression; readonly values: readonly Scalar[] }
  /** A time column is one of these, in Unix nanoseconds. */
  | { readonly kind: "in-times"; readonly left: Expression; readonly unixNanos: readonly bigint[] }
  /** The value is among the answers of a Select of one column. */
  | { readonly kind: "in-select"; readonly left: Expression; readonly select: Select }
  /** RE2, unanchored. */
  | { readonly kind: "match"; readonly left: Expression; readonly pattern: string }
  /** Every word of `text` one after the other, in any (ASCII) case. */
  | { readonly kind: "phrase"; readonly left: Expression; readonly text: string }
  /** The attribute is there with a value that is not empty. */
  | { readonly kind: "exists"; readonly left: Expression };

export interface SelectColumn {
  readonly as: string;
  readonly value: Expression;
}

export interface Order {
  readonly by: Expression;
  readonly descending: boolean;
}

export type Source = TableName | Select;

export interface Select {
  readonly tenant: string;
  /** A table, or a Select whose answer is read further. */
  readonly from: Source;
  /** Restricts the table's time column; a Select over a Select leaves it to the inner one. */
  readonly time: TimeRange | undefined;
  readonly where: Predicate | undefined;
  /**
   * What few rows of the table meet, told by columns of its sorting key: asked before `where`, and only for the rows that
   * meet it is anything else read. Both must hold.
   */
  readonly place?: Predicate;
  readonly columns: readonly SelectColumn[];
  /** Names of `columns` to group by; the others are then aggregates. Empty with aggregates: one row. */
  readonly groupBy: readonly string[];
  readonly having: Predicate | undefined;
  readonly orderBy: readonly Order[];
  /** Rows at most per value of the named columns (the engine's LIMIT BY). */
  readonly limitBy?: { readonly count: number; readonly columns: readonly string[] };
  readonly limit: number;
}
