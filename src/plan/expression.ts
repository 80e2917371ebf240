import type {
  AttributeMap,
  CompareOperator,
  Expression,
  Order,
  Predicate,
  Scalar,
  Select,
  SelectColumn,
  Source,
  TimeRange,
} from "./select.ts";

/** Constructors, so that a plan reads like a sentence. All return plain data. */
export const column = (name: string): Expression => ({ kind: "column", name });
export const output = (name: string): Expression => ({ kind: "output", name });
export const literal = (value: Scalar): Expression => ({ kind: "literal", value });
export const list = (values: readonly Scalar[]): Expression => ({ kind: "list", values });
export const attribute = (map: AttributeMap, key: string): Expression => ({ kind: "attribute", map, key });
export const call = (name: string, ...args: readonly Expression[]): Expression => ({ kind: "call", name, args });
export const test = (of: Predicate): Expression => ({ kind: "test", of });
export const as = (name: string, value: Expression): SelectColumn => ({ as: name, value });

export const compare = (left: Expression, op: CompareOperator, right: Expression | Scalar): Predicate => ({
  kind: "compare",
  op,
  left,
  right: typeof right === "object" ? right : literal(right),
});
export const equals = (left: Expression, right: Expression | Scalar): Predicate => compare(left, "=", right);
export const isIn = (left: Expression, values: readonly Scalar[]): Predicate => ({ kind: "in", left, values });
export const not = (of: Predicate): Predicate => ({ kind: "not", of });

/** Joins what is there; undefined when nothing is, so that it can stand as `where`. */
export function and(...of: readonly (Predicate | undefined)[]): Predicate | undefined {
  const parts = of.flatMap((part) => (part === undefined ? [] : part.kind === "and" ? part.of : [part]));
  return parts.length > 1 ? { kind: "and", of: parts } : parts[0];
}

export function or(...of: readonly Predicate[]): Predicate {
  return of.length === 1 ? of[0]! : { kind: "or", of };
}

/** The conjuncts of a predicate. */
export function conjuncts(predicate: Predicate | undefined): readonly Predicate[] {
  if (predicate === undefined) return [];
  return predicate.kind === "and" ? predicate.of.flatMap(conjuncts) : [predicate];
}

export const ascending = (by: Expression): Order => ({ by, descending: false });
export const descending = (by: Expression): Order => ({ by, descending: true });

export interface SelectParts {
  readonly tenant: string;
  readonly from: Source;
  readonly time?: TimeRange | undefined;
  readonly where?: Predicate | undefined;
  readonly place?: Predicate | undefined;
  readonly columns: readonly SelectColumn[];
  readonly groupBy?: readonly string[];
  readonly having?: Predicate | undefined;
  readonly orderBy?: readonly Order[];
  readonly limitBy?: Select["limitBy"];
  readonly limit: number;
}

/** A Select from the parts that matter. */
export function select(parts: SelectParts): Select {
  return {
    tenant: parts.tenant,
    from: parts.from,
    time: parts.time,
    where: parts.where,
    ...(parts.place === undefined ? {} : { place: parts.place }),
    columns: parts.columns,
    groupBy: parts.groupBy ?? [],
    having: parts.having,
    orderBy: parts.orderBy ?? [],
    ...(parts.limitBy === undefined ? {} : { limitBy: parts.limitBy }),
    limit: parts.limit,
  };
}
