import type { Expression, Predicate, Select } from "./select.ts";

/** Rewrites an expression from the leaves up. `change` returns its argument where there is nothing to do. */
export function mapExpression(of: Expression, change: (leaf: Expression) => Expression): Expression {
  if (of.kind === "call") return change({ ...of, args: of.args.map((arg) => mapExpression(arg, change)) });
  if (of.kind === "test") return change({ ...of, of: mapPredicate(of.of, change) });
  return change(of);
}

/** Rewrites every expression within a predicate. */
export function mapPredicate(of: Predicate, change: (leaf: Expression) => Expression): Predicate {
  switch (of.kind) {
    case "and":
    case "or":
      return { ...of, of: of.of.map((part) => mapPredicate(part, change)) };
    case "not":
      return { ...of, of: mapPredicate(of.of, change) };
    case "compare":
      return { ...of, left: mapExpression(of.left, change), right: mapExpression(of.right, change) };
    case "in":
    case "in-times":
    case "in-select":
    case "match":
    case "phrase":
    case "exists":
      return { ...of, left: mapExpression(of.left, change) };
  }
}

/** Rewrites every expression of a Select, not of its inner Selects (conditional aggregates included). */
export function mapSelect(of: Select, change: (leaf: Expression) => Expression): Select {
  return {
    ...of,
    where: of.where === undefined ? undefined : mapPredicate(of.where, change),
    ...(of.place === undefined ? {} : { place: mapPredicate(of.place, change) }),
    columns: of.columns.map((column) => ({ ...column, value: mapExpression(column.value, change) })),
    having: of.having === undefined ? undefined : mapPredicate(of.having, change),
    orderBy: of.orderBy.map((order) => ({ ...order, by: mapExpression(order.by, change) })),
  };
}

/** Applies `change` to every Select: first to those it reads from and those its conditions ask, then to itself. */
export function mapSelects(of: Select, change: (select: Select) => Select): Select {
  return change({
    ...of,
    from: typeof of.from === "string" ? of.from : mapSelects(of.from, change),
    where: of.where === undefined ? undefined : mapAsked(of.where, change),
    columns: of.columns.map((column) => ({
      ...column,
      value: mapExpression(column.value, (leaf) =>
        leaf.kind === "test" ? { ...leaf, of: mapAsked(leaf.of, change) } : leaf,
      ),
    })),
    having: of.having === undefined ? undefined : mapAsked(of.having, change),
  });
}

function mapAsked(of: Predicate, change: (select: Select) => Select): Predicate {
  switch (of.kind) {
    case "and":
    case "or":
      return { ...of, of: of.of.map((part) => mapAsked(part, change)) };
    case "not":
      return { ...of, of: mapAsked(of.of, change) };
    case "in-select":
      return { ...of, select: mapSelects(of.select, change) };
    default:
      return of;
  }
}

/** Every expression of a predicate, parents before children. */
export function* expressionsOf(of: Predicate | Expression): Generator<Expression> {
  switch (of.kind) {
    case "and":
    case "or":
      for (const part of of.of) yield* expressionsOf(part);
      return;
    case "not":
      yield* expressionsOf(of.of);
      return;
    case "compare":
      yield* expressionsOf(of.left);
      yield* expressionsOf(of.right);
      return;
    case "in":
    case "in-times":
    case "in-select":
    case "match":
    case "phrase":
    case "exists":
      yield* expressionsOf(of.left);
      return;
    case "test":
      yield of;
      yield* expressionsOf(of.of);
      return;
    case "call":
      yield of;
      for (const arg of of.args) yield* expressionsOf(arg);
      return;
    default:
      yield of;
  }
}
