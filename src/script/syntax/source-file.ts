import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { type Options, parse } from "acorn";
import { transformSync } from "oxc-transform";
import { ScriptSyntaxError } from "../user.ts";
import { Lines } from "./lines.ts";
import { NOWHERE, type Printed, print, sourceOffset } from "./piece.ts";
import { MARKER, type ModuleShape, Rewriter } from "./rewrite.ts";
import { boundNames } from "./scope.ts";
import { childrenOf, type Node } from "./tree.ts";

/** Something that a file imports, and where it says so. */
export interface Requested {
  readonly specifier: string;
  readonly at: number;
  /** Names that must exist there, each with its place. */
  readonly names: readonly { readonly name: string; readonly at: number }[];
}

/** A file of a script: parsed, transformed and printed once, for all users. */
export interface SourceFile {
  readonly path: string;
  /** As written. */
  readonly text: string;
  readonly kind: "module" | "commonjs" | "json";
  /** In the order of the file. */
  readonly requested: readonly Requested[];
  /** Names exported; `export *` are `stars`, indices of `requested`. */
  readonly exportNames: readonly string[];
  readonly stars: readonly number[];
  readonly code: string;
  /** Where line and column (from 1) of the code stand in the file as written; undefined for code of ours. */
  placeOf(line: number, column: number): Place | undefined;
  /** Where an offset that `requested` names stands in the file as written. */
  writtenPlace(at: number): Place;
  /** The text of the call that stands there. */
  calleeAt(line: number, column: number): string | undefined;
  /** The function around that place, as stack traces name it. */
  functionAt(line: number, column: number): string;
  /** The source as written of a function whose visible twin has this text. */
  writtenSource(visible: string): string | undefined;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

let fileCount = 0;

const TYPESCRIPT = /\.[mc]?tsx?$/;

/** @throws ScriptSyntaxError */
export function parseSourceFile(path: string, text: string, globals: ReadonlySet<string>): SourceFile {
  if (path.endsWith(".json")) return jsonFile(path, text);
  const id = ++fileCount;
  const asWritten = new Lines(text);
  const stripped = TYPESCRIPT.test(path) ? stripTypes(path, text) : undefined;
  const code = stripped?.code ?? text;
  const lines = stripped === undefined ? asWritten : new Lines(code);
  const written = (offset: number): Place => {
    const place = lines.placeOf(offset);
    return stripped === undefined ? place : stripped.placeOf(place);
  };
  const refuse = (message: string, at: number): never => {
    const { line, column } = written(at);
    throw syntaxError(path, asWritten, message, line, column);
  };

  const { program, kind } = parseProgram(path, code, refuse);
  const { shape, requested, exportNames, stars } = shapeOf(program, kind);
  const isStrict = kind === "module" || program.body.some((statement: Node) => statement.directive === "use strict");
  const rewriter = new Rewriter(code, id, shape, globals, isStrict, refuse);
  const root = rewriter.file(program);
  rewriter.finish();
  const printed: Printed = print(root, code);
  let printedLines: Lines | undefined;
  const offsetAt = (line: number, column: number): number => {
    printedLines ??= new Lines(printed.code);
    return sourceOffset(printed, printedLines.offsetOf(line, column));
  };
  let tree: Node | undefined;
  // Traces are rare: the tree is not kept, it is made again.
  const treeAgain = (): Node => {
    tree ??= parseProgram(path, code, refuse).program;
    return tree;
  };
  return {
    path,
    text,
    kind,
    requested,
    exportNames,
    stars,
    code: printed.code,
    placeOf: (line, column) => {
      const offset = offsetAt(line, column);
      return offset >= NOWHERE ? undefined : written(offset);
    },
    writtenPlace: written,
    calleeAt: (line, column) => calleeText(treeAgain(), offsetAt(line, column), code),
    functionAt: (line, column) => functionName(treeAgain(), offsetAt(line, column)),
    writtenSource: (visible) => {
      const match = new RegExp(`/\\*${MARKER}(\\d+):(\\d+):(\\d+)\\*/`).exec(visible);
      return match === null || Number(match[1]) !== id ? undefined : code.slice(Number(match[2]), Number(match[3]));
    },
  };
}

/** Characters of a source line that a message shows. */
const LINE_LIMIT = 160;

export function syntaxError(
  path: string,
  lines: Lines,
  message: string,
  line: number,
  column: number,
): ScriptSyntaxError {
  const head = `${path}:${line}:${column}: ${message}`;
  // Of a minified file only what is around.
  const whole = lines.line(line);
  const from = whole.length > LINE_LIMIT ? Math.max(0, column - 1 - LINE_LIMIT / 2) : 0;
  const source = whole.slice(from, from + LINE_LIMIT);
  const caret = `${source.slice(0, column - 1 - from).replace(/[^\t]/g, " ")}^`;
  return new ScriptSyntaxError(`${head}\n  ${source}\n  ${caret}`, path, line, column);
}

function jsonFile(path: string, text: string): SourceFile {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new ScriptSyntaxError(`${path}: ${(error as Error).message}`, path, 0, 1);
  }
  return {
    path,
    text,
    kind: "json",
    requested: [],
    exportNames: [],
    stars: [],
    code: "",
    placeOf: (line, column) => ({ line, column }),
    writtenPlace: () => ({ line: 1, column: 1 }),
    calleeAt: () => undefined,
    functionAt: () => "",
    writtenSource: () => undefined,
  };
}

const OPTIONS: Options = {
  ecmaVersion: 2025,
  allowHashBang: true,
  preserveParens: true,
};

function parseProgram(
  path: string,
  code: string,
  refuse: (message: string, at: number) => never,
): { readonly program: Node; readonly kind: "module" | "commonjs" } {
  const tryParse = (options: Options): Node | (SyntaxError & { pos: number }) => {
    try {
      return parse(code, options) as unknown as Node;
    } catch (error) {
      if (error instanceof SyntaxError && "pos" in error) return error as SyntaxError & { pos: number };
      throw error;
    }
  };
  const isCommon = /\.c[jt]s$/.test(path);
  const asModule: Options = { ...OPTIONS, sourceType: "module" };
  const asCommon: Options = { ...OPTIONS, sourceType: "script", allowReturnOutsideFunction: true };
  const first = isCommon ? undefined : tryParse(asModule);
  if (first !== undefined && !(first instanceof SyntaxError)) {
    if (/\.m[jt]s$/.test(path) || isModule(first, code) || !/\b(require|module|exports)\b/.test(code)) {
      return { program: first, kind: "module" };
    }
  }
  const second = tryParse(asCommon);
  if (!(second instanceof SyntaxError)) {
    // Sloppy code that only a script may hold (`with`, octal numbers), or CommonJS.
    return { program: second, kind: "commonjs" };
  }
  const error = first instanceof SyntaxError && (isModuleText(code) || first.pos >= second.pos) ? first : second;
  const message = error.message.replace(/ \(\d+:\d+\)$/, "");
  const remark = remarkAt(code, error.pos);
  if (remark !== undefined) return refuse("JavaScript has no `#` remarks; write `//` instead of `#`", remark);
  return refuse(`SyntaxError: ${message}`, error.pos);
}

const isModuleText = (code: string): boolean => /^\s*(import|export)\b/m.test(code);

/** Where a `#` stands that was meant to begin a remark, when the error is near it. */
function remarkAt(code: string, at: number): number | undefined {
  const lineStart = code.lastIndexOf("\n", at - 1) + 1;
  const lineEnd = code.indexOf("\n", at) < 0 ? code.length : code.indexOf("\n", at);
  for (const candidate of [at, at - 1])
    if (code[candidate] === "#" && candidate >= lineStart && !/^#\w+\s*[(;=]/.test(code.slice(candidate)))
      return candidate;
  const before = code.slice(lineStart, lineEnd);
  const match = /(^|[\s,;{}[\])])#(\s|$)/.exec(before);
  return match === null ? undefined : lineStart + match.index + match[1]!.length;
}

function isModule(program: Node, code: string): boolean {
  const usesMeta = (node: Node): boolean =>
    (node.type === "MetaProperty" && node.meta.name === "import") || childrenOf(node).some(usesMeta);
  const awaits = (node: Node): boolean =>
    node.type === "AwaitExpression" ||
    (!/Function/.test(node.type) && !/^Class/.test(node.type) && childrenOf(node).some(awaits));
  return (
    program.body.some((statement: Node) => /^(Import|Export)/.test(statement.type)) ||
    awaits(program) ||
    (code.includes("import.meta") && usesMeta(program))
  );
}

function shapeOf(
  program: Node,
  kind: "module" | "commonjs",
): { shape: ModuleShape; requested: Requested[]; exportNames: string[]; stars: number[] } {
  const requested: { specifier: string; at: number; names: { name: string; at: number }[] }[] = [];
  const indices = new Map<string, number>();
  const indexOf = (source: Node): number => {
    const specifier = String(source.value);
    let index = indices.get(specifier);
    if (index === undefined) {
      index = requested.length;
      indices.set(specifier, index);
      requested.push({ specifier, at: source.start, names: [] });
    }
    return index;
  };
  const imports = new Map<string, { index: number; name: string | undefined }>();
  const exports = new Map<string, string | readonly [number, string | undefined]>();
  const stars: number[] = [];
  const nameOf = (node: Node): string => String(node.type === "Literal" ? node.value : node.name);
  for (const statement of kind === "module" ? (program.body as Node[]) : []) {
    if (statement.type === "ImportDeclaration") {
      const index = indexOf(statement.source);
      for (const specifier of statement.specifiers as Node[]) {
        const name =
          specifier.type === "ImportDefaultSpecifier"
            ? "default"
            : specifier.type === "ImportNamespaceSpecifier"
              ? undefined
              : nameOf(specifier.imported);
        imports.set(specifier.local.name, { index, name });
        if (name !== undefined) requested[index]!.names.push({ name, at: specifier.start });
      }
    } else if (statement.type === "ExportAllDeclaration") {
      const index = indexOf(statement.source);
      if (statement.exported) exports.set(nameOf(statement.exported), [index, undefined]);
      else stars.push(index);
    } else if (statement.type === "ExportNamedDeclaration" && statement.source) {
      const index = indexOf(statement.source);
      for (const specifier of statement.specifiers as Node[]) {
        exports.set(nameOf(specifier.exported), [index, nameOf(specifier.local)]);
        requested[index]!.names.push({ name: nameOf(specifier.local), at: specifier.start });
      }
    }
  }
  for (const statement of kind === "module" ? (program.body as Node[]) : []) {
    if (statement.type === "ExportNamedDeclaration" && !statement.source) {
      if (statement.declaration?.type === "VariableDeclaration")
        for (const declarator of statement.declaration.declarations)
          for (const name of boundNames(declarator.id, new Set())) exports.set(name, name);
      else if (statement.declaration) exports.set(statement.declaration.id.name, statement.declaration.id.name);
      for (const specifier of statement.specifiers as Node[]) {
        const local = nameOf(specifier.local);
        const imported = imports.get(local);
        exports.set(nameOf(specifier.exported), imported === undefined ? local : [imported.index, imported.name]);
      }
    } else if (statement.type === "ExportDefaultDeclaration") {
      const { declaration } = statement;
      const isNamed = /^(Function|Class)Declaration$/.test(declaration.type) && declaration.id;
      exports.set("default", isNamed ? declaration.id.name : "*default");
    }
  }
  return {
    shape: { kind, imports, exports, importCount: requested.length },
    requested,
    exportNames: [...exports.keys()],
    stars,
  };
}

interface Stripped {
  readonly code: string;
  placeOf(place: Place): Place;
}

function stripTypes(path: string, text: string): Stripped {
  const lang = /x$/.test(path) ? "tsx" : "ts";
  const result = transformSync(path, text, { lang, sourcemap: true, target: "es2022" });
  const [error] = result.errors;
  if (error !== undefined) {
    const lines = new Lines(text);
    const start = error.labels[0]?.start ?? 0;
    const remark = remarkAt(text, start);
    const { line, column } = lines.placeOf(remark ?? start);
    const message =
      remark === undefined
        ? `SyntaxError: ${error.message}`
        : "JavaScript has no `#` remarks; write `//` instead of `#`";
    throw syntaxError(path, lines, message, line, column);
  }
  const map = result.map === undefined ? undefined : new TraceMap(result.map as never);
  return {
    code: result.code,
    placeOf: (place) => {
      if (map === undefined) return place;
      const found = originalPositionFor(map, { line: place.line, column: place.column - 1 });
      return found.line === null ? place : { line: found.line, column: found.column + 1 };
    },
  };
}

/** The innermost node around an offset for which `pick` has an answer. */
function innermost<T>(
  root: Node,
  offset: number,
  pick: (node: Node, parents: readonly Node[]) => T | undefined,
): T | undefined {
  let found: T | undefined;
  const parents: Node[] = [];
  const walk = (node: Node): void => {
    if (offset < node.start || offset > node.end) return;
    found = pick(node, parents) ?? found;
    parents.push(node);
    for (const child of childrenOf(node)) walk(child);
    parents.pop();
  };
  walk(root);
  return found;
}

function calleeText(root: Node, offset: number, code: string): string | undefined {
  return innermost(root, offset, (node) => {
    const callee: Node | undefined =
      node.type === "CallExpression" || node.type === "NewExpression"
        ? node.callee
        : node.type === "TaggedTemplateExpression"
          ? node.tag
          : undefined;
    if (callee === undefined) return undefined;
    const inner = callee.type === "ParenthesizedExpression" ? callee.expression : callee;
    const at = inner.type === "MemberExpression" ? inner.property.start : inner.start;
    return at === offset || callee.start === offset ? code.slice(callee.start, callee.end) : undefined;
  });
}

function functionName(root: Node, offset: number): string {
  return (
    innermost(root, offset, (node, parents) => {
      if (!/Function(Declaration|Expression)$/.test(node.type)) return undefined;
      if (node.id) return String(node.id.name);
      const parent = parents[parents.length - 1];
      const named: Node | undefined =
        parent?.type === "VariableDeclarator"
          ? parent.id
          : parent?.type === "AssignmentExpression"
            ? parent.left
            : parent?.type === "Property" ||
                parent?.type === "MethodDefinition" ||
                parent?.type === "PropertyDefinition"
              ? parent.key
              : undefined;
      if (parent?.type === "ExportDefaultDeclaration") return "default";
      if (named?.type === "Identifier" || named?.type === "PrivateIdentifier") {
        const owner = parent?.type === "MethodDefinition" ? parents[parents.length - 3] : undefined;
        return owner?.id ? `${owner.id.name}.${named.name}` : String(named.name);
      }
      return named?.type === "MemberExpression" && !named.computed ? String(named.property.name) : "";
    }) ?? ""
  );
}
