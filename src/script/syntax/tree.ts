type Field =
  | "alternate"
  | "argument"
  | "arguments"
  | "async"
  | "await"
  | "block"
  | "body"
  | "callee"
  | "cases"
  | "computed"
  | "consequent"
  | "declaration"
  | "declarations"
  | "directive"
  | "elements"
  | "exported"
  | "expression"
  | "expressions"
  | "finalizer"
  | "generator"
  | "handler"
  | "id"
  | "imported"
  | "init"
  | "key"
  | "kind"
  | "label"
  | "left"
  | "local"
  | "meta"
  | "method"
  | "name"
  | "object"
  | "operator"
  | "optional"
  | "param"
  | "params"
  | "properties"
  | "property"
  | "quasi"
  | "quasis"
  | "right"
  | "shorthand"
  | "source"
  | "specifiers"
  | "static"
  | "superClass"
  | "tag"
  | "test"
  | "value";

/** A node of acorn's tree. What a field holds depends on `type`, as ESTree describes it; a field that a type has not is undefined. */
export type Node = { readonly type: string; readonly start: number; readonly end: number } & Readonly<Fields>;

// biome-ignore lint/suspicious/noExplicitAny: acorn's own types cannot be narrowed along a walk over all types.
type Fields = Record<Field, any>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** Kept on the node itself: trees are walked many times, and a WeakMap of them is slow to collect. */
const CHILDREN = Symbol("children");

/** The child nodes in the order of the source. */
export function childrenOf(node: Node): readonly Node[] {
  const kept = node as { [CHILDREN]?: readonly Node[] };
  kept[CHILDREN] ??= findChildren(node);
  return kept[CHILDREN];
}

function findChildren(node: Node): readonly Node[] {
  const children: Node[] = [];
  for (const key in node) {
    if (key === "type" || key === "start" || key === "end") continue;
    const value: unknown = node[key as keyof Node];
    if (Array.isArray(value)) {
      for (const element of value) if (isNode(element)) children.push(element);
    } else if (isNode(value)) children.push(value);
  }
  // Mostly in order already.
  for (let index = 1; index < children.length; index++)
    if (children[index]!.start < children[index - 1]!.start)
      return children.sort((left, right) => left.start - right.start);
  return children;
}

export const isFunction = (node: Node): boolean =>
  node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression";

/**
 * Whether the function's own code (not that of functions within) calls anything: only then a suspension can reach it and it
 * needs a twin.
 */
export function hasCalls(node: Node): boolean {
  const walk = (current: Node): boolean => {
    switch (current.type) {
      case "CallExpression":
      case "TaggedTemplateExpression":
        return true;
      case "NewExpression":
        if (current.arguments.length > 0) return true;
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return false;
      case "ClassDeclaration":
      case "ClassExpression":
        // Keys and `extends` run here, the rest elsewhere.
        if (current.superClass && walk(current.superClass)) return true;
        return current.body.body.some((member: Node) => member.computed && walk(member.key));
    }
    return childrenOf(current).some(walk);
  };
  return node.params.some(walk) || walk(node.body);
}
