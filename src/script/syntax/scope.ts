import type { Node } from "./tree.ts";
import { childrenOf } from "./tree.ts";

/** Names that a pattern binds. */
export function boundNames(pattern: Node | null, into: Set<string>): Set<string> {
  if (pattern === null) return into;
  switch (pattern.type) {
    case "Identifier":
      into.add(pattern.name);
      break;
    case "ObjectPattern":
      for (const property of pattern.properties)
        boundNames(property.type === "RestElement" ? property.argument : property.value, into);
      break;
    case "ArrayPattern":
      for (const element of pattern.elements) boundNames(element, into);
      break;
    case "AssignmentPattern":
      boundNames(pattern.left, into);
      break;
    case "RestElement":
      boundNames(pattern.argument, into);
      break;
  }
  return into;
}

/** Names that the statements of one block declare for that block: let, const, class, function. */
export function lexicalNames(statements: readonly Node[], into = new Set<string>()): Set<string> {
  for (let statement of statements) {
    if (statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration")
      statement = statement.declaration ?? statement;
    while (statement.type === "LabeledStatement") statement = statement.body;
    if (statement.type === "VariableDeclaration" && statement.kind !== "var")
      for (const declarator of statement.declarations) boundNames(declarator.id, into);
    else if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration")
      boundNames(statement.id, into);
  }
  return into;
}

/** Names that `var` hoists to the function (and, in sloppy code, functions in blocks). */
export function hoistedNames(node: Node, into = new Set<string>()): Set<string> {
  const walk = (current: Node): void => {
    switch (current.type) {
      case "VariableDeclaration":
        if (current.kind === "var") for (const declarator of current.declarations) boundNames(declarator.id, into);
        break;
      case "FunctionDeclaration":
        boundNames(current.id, into);
        return;
      case "FunctionExpression":
      case "ArrowFunctionExpression":
      case "ClassDeclaration":
      case "ClassExpression":
        return;
    }
    // Expressions hold no declarations.
    if (/Statement$|Declaration$|^SwitchCase$|^CatchClause$|^Program$/.test(current.type))
      for (const child of childrenOf(current)) walk(child);
  };
  for (const child of childrenOf(node)) walk(child);
  return into;
}
