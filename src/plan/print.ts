import type { Expression, Predicate, Scalar, Select } from "./select.ts";

/** A Select as readable text, for EXPLAIN and golden tests. Times are RFC 3339 in UTC, with nanoseconds only where they are not 0. */
export function printSelect(select: Select, indent = ""): string {
  const lines = [
    `${indent}read ${typeof select.from === "string" ? select.from : "the answer of"} as tenant ${JSON.stringify(select.tenant)}`,
  ];
  const add = (word: string, text: string): number => lines.push(`${indent}  ${word.padEnd(8)} ${text}`);
  if (select.time !== undefined)
    add("time", `${printTime(select.time.fromUnixNano)} .. ${printTime(select.time.toUnixNano)}`);
  for (const [word, of] of [
    ["place", select.place],
    ["where", select.where],
  ] as const)
    if (of !== undefined)
      for (const [index, part] of (of.kind === "and" ? of.of : [of]).entries())
        add(index === 0 ? word : "  and", printPredicate(part));
  for (const [index, column] of select.columns.entries()) {
    const value = printExpression(column.value);
    add(index === 0 ? "columns" : "", value === column.as ? value : `${column.as} := ${value}`);
  }
  if (select.groupBy.length > 0) add("group", select.groupBy.join(", "));
  if (select.having !== undefined) add("having", printPredicate(select.having));
  if (select.orderBy.length > 0)
    add(
      "order",
      select.orderBy.map(({ by, descending }) => `${printExpression(by)}${descending ? " desc" : ""}`).join(", "),
    );
  if (select.limitBy !== undefined) add("at most", `${select.limitBy.count} per ${select.limitBy.columns.join(", ")}`);
  add("limit", String(select.limit));
  if (typeof select.from !== "string") lines.push(printSelect(select.from, `${indent}  `));
  return lines.join("\n");
}

export function printTime(unixNano: bigint): string {
  const ms = unixNano / 1_000_000n;
  const rest = unixNano % 1_000_000n;
  const text = new Date(Number(ms)).toISOString();
  if (rest === 0n) return text.replace(".000Z", "Z");
  return text.replace("Z", `${rest.toString().padStart(6, "0")}Z`);
}

function printScalar(value: Scalar): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const SHOWN_VALUES = 8;

function printList(values: readonly Scalar[]): string {
  const shown = values.slice(0, SHOWN_VALUES).map(printScalar).join(", ");
  return values.length > SHOWN_VALUES ? `${shown}, … ${values.length - SHOWN_VALUES} more` : shown;
}

export function printExpression(of: Expression): string {
  switch (of.kind) {
    case "column":
      return of.name;
    case "output":
      return `@${of.name}`;
    case "attribute":
      return `${of.map}[${JSON.stringify(of.key)}]`;
    case "literal":
      return printScalar(of.value);
    case "list":
      return `[${printList(of.values)}]`;
    case "call":
      return `${of.name}(${of.args.map(printExpression).join(", ")})`;
    case "test":
      return printPredicate(of.of);
  }
}

export function printPredicate(of: Predicate): string {
  switch (of.kind) {
    case "and":
    case "or":
      return `(${of.of.map(printPredicate).join(` ${of.kind} `)})`;
    case "not":
      return `not ${printPredicate(of.of)}`;
    case "compare":
      return `${printExpression(of.left)} ${of.op} ${printExpression(of.right)}`;
    case "in":
      return `${printExpression(of.left)} in (${printList(of.values)})`;
    case "in-times": {
      const more = of.unixNanos.length > SHOWN_VALUES ? `, … ${of.unixNanos.length - SHOWN_VALUES} more` : "";
      return `${printExpression(of.left)} in (${of.unixNanos.slice(0, SHOWN_VALUES).map(printTime).join(", ")}${more})`;
    }
    case "in-select":
      return `${printExpression(of.left)} in\n${printSelect(of.select, "            ")}`;
    case "match":
      return `${printExpression(of.left)} =~ ${JSON.stringify(of.pattern)}`;
    case "phrase":
      return `${printExpression(of.left)} ~ ${JSON.stringify(of.text)}`;
    case "exists":
      return `${printExpression(of.left)} exists`;
  }
}
