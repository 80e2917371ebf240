import { Failure, isFailure } from "#runtime/failure.ts";
import { isAllowedFunction, isAllowedTableFunction } from "./confined-functions.ts";
import type { EngineParameters } from "./engine.ts";
import { TABLES, VIEWS } from "./schema/tables.ts";

/**
 * The first of the two layers that confine SQL which a person wrote (the second: the engine's reader role and row filters).
 *
 *   text ── the engine's formatter ──► one statement, no comments ── its AST ──► a bare SELECT made of known kinds of nodes
 *        ── its query tree as written ──► functions, table functions ── as resolved ──► the same again, and tables
 *
 * It is an allow-list over the engine's own view of the statement, never over text: what is called by another name, inside
 * APPLY, or as a function passed by name shows there. The tree as written is looked at before it is resolved, because
 * resolving runs scalar subqueries and folds constants; and all of it runs as the confined reader.
 */
export interface ConfinedStatement {
  /** What to run: the engine's own rendering of the statement that was looked at. */
  readonly sql: string;
}

/** Runs a statement of ours as the confined reader and answers its text (format TSVRaw). */
export type AskConfined = (sql: string, parameters: EngineParameters) => Promise<string>;

/** Throws "query-invalid" for what is no SQL and "query-refused", saying what and where, for what is not allowed. */
export async function confineSql(
  text: string,
  parameters: EngineParameters,
  database: string,
  ask: AskConfined,
): Promise<ConfinedStatement> {
  if ("confined_text" in parameters)
    throw refused("a parameter may not be called confined_text", text, "confined_text");
  const sql = await format(text, ask);
  checkNames(sql, parameters, text);
  checkSyntax(await explain("EXPLAIN AST", sql), text);
  checkTree(await explain("EXPLAIN QUERY TREE run_passes = 0", sql), text, database);
  checkTree(await explain("EXPLAIN QUERY TREE run_passes = 1", sql), text, database);
  return { sql };

  async function explain(how: string, statement: string): Promise<string> {
    try {
      return await ask(`${how} ${statement}`, parameters);
    } catch (error) {
      // Positions in the engine's message count from the EXPLAIN; the rendering differs from the text anyway.
      if (isFailure(error) && error.position !== undefined)
        throw new Failure(error.code, error.message, { cause: error });
      throw error;
    }
  }
}

/** One statement without comments, as the engine prints it. A position in its message is one in the text. */
async function format(text: string, ask: AskConfined): Promise<string> {
  try {
    const formatted = await ask("SELECT formatQuerySingleLine({confined_text:String})", { confined_text: text });
    return formatted.replace(/\n$/, "");
  } catch (error) {
    if (!isFailure(error, "query-invalid")) throw error;
    const message = error.message.replace(/:? In scope SELECT formatQuerySingleLine[\s\S]*$/, "");
    const position = error.position === undefined ? {} : { position: error.position };
    throw new Failure("query-invalid", message, { cause: error, ...position });
  }
}

/** Kinds of nodes of the engine's AST that a SELECT may be made of. SETTINGS are `Set`, and so refused. */
const KINDS = new Set([
  "ArrayJoin",
  "Asterisk",
  "ColumnsApplyTransformer",
  "ColumnsExceptTransformer",
  "ColumnsListMatcher",
  "ColumnsRegexpMatcher",
  "ColumnsReplaceTransformer",
  "ColumnsReplaceTransformer::Replacement",
  "ColumnsTransformerList",
  "DataType",
  "ExpressionList",
  "Function",
  "Identifier",
  "InterpolateElement",
  "Literal",
  "NameTypePair",
  "OrderByElement",
  "QualifiedAsterisk",
  "QualifiedColumnsListMatcher",
  "QualifiedColumnsRegexpMatcher",
  "QueryParameter",
  "SampleRatio",
  "SelectIntersectExceptQuery",
  "SelectQuery",
  "SelectWithUnionQuery",
  "StorageOrderByElement",
  "Subquery",
  "TableExpression",
  "TableIdentifier",
  "TableJoin",
  "TablesInSelectQuery",
  "TablesInSelectQueryElement",
  "WindowDefinition",
  "WindowListElement",
  "WithElement",
]);

/** Databases that are not ours; a name that begins with one is refused wherever it stands. */
const FOREIGN = /^(system|information_schema|default|_temporary_and_external_tables)\./i;

/** Functions that take a type by name: where it stands among the arguments (-1: last). */
const TYPE_ARGUMENT: Readonly<Record<string, number>> = {
  cast: 1,
  _cast: 1,
  accuratecast: 1,
  accuratecastornull: 1,
  accuratecastordefault: 1,
  reinterpret: 1,
  jsonextract: -1,
  jsonextractcaseinsensitive: -1,
  jsonextractkeysandvalues: -1,
  jsonextractkeysandvaluescaseinsensitive: -1,
  defaultvalueoftypename: 0,
  values: 0,
};

function checkSyntax(ast: string, text: string): void {
  const root = parseAst(ast);
  if (root.kind !== "SelectWithUnionQuery" && root.kind !== "SelectIntersectExceptQuery")
    throw refused(`only SELECT is allowed, not ${statementName(root.kind)}`, text, undefined);
  // The root of a bare SELECT has one child; FORMAT, SETTINGS and INTO OUTFILE of the whole statement would be others.
  if (root.children.length !== 1)
    throw refused(
      "FORMAT, SETTINGS and INTO OUTFILE are not allowed; name the format beside the query",
      text,
      undefined,
    );
  checkNode(root, text);
}

function checkNode(node: AstNode, text: string): void {
  const { kind, rest, children } = node;
  if (kind === "Set") throw refused("SETTINGS are not allowed", text, "SETTINGS");
  if (!KINDS.has(kind)) throw refused(`${kind} is not allowed`, text, undefined);
  if ((kind === "Identifier" || kind === "TableIdentifier") && FOREIGN.test(rest))
    throw refused(`the table ${rest} is not allowed`, text, rest);
  // Raw states of aggregation crash engines when they are crafted. They are made by a cast, so a type must be plain to see.
  if (/AggregateFunction\s*\(/i.test(rest))
    throw refused("the type AggregateFunction is not allowed", text, "AggregateFunction");
  const at = kind === "Function" ? TYPE_ARGUMENT[rest.toLowerCase()] : undefined;
  const type = at === undefined ? undefined : children[0]?.children.at(at);
  if (type !== undefined && type.kind !== "Literal" && type.kind !== "DataType")
    throw refused(`the type in ${rest} must be written out`, text, rest);
  for (const child of children) checkNode(child, text);
}

interface AstNode {
  readonly kind: string;
  /** What stands behind the kind: a name, a literal. */
  readonly rest: string;
  readonly children: AstNode[];
}

/** Reads the engine's drawing of an AST: one node a line, one space of indentation a level. */
function parseAst(ast: string): AstNode {
  const path: AstNode[] = [];
  let root: AstNode | undefined;
  for (const line of ast.split("\n")) {
    if (line === "") continue;
    const [, indent = "", kind = "", rest = ""] =
      /^( *)([\w:]+) ?(.*?)(?: \(alias .*\))?(?: \(children \d+\))?$/.exec(line) ?? [];
    const node: AstNode = { kind, rest, children: [] };
    path.length = Math.min(path.length, indent.length);
    path.at(-1)?.children.push(node);
    path.push(node);
    root ??= node;
  }
  if (root === undefined) throw new Error("the engine printed no AST");
  return root;
}

const READABLE = new Set([...TABLES, ...VIEWS].map(({ name }) => name));

/** The tree has a node a line (checkNames sees to that); these kinds name what they call or read. */
const NODE = /^\s*(FUNCTION|TABLE_FUNCTION|TABLE) id: /;

function checkTree(tree: string, text: string, database: string): void {
  for (const line of tree.split("\n")) {
    const kind = NODE.exec(line)?.[1];
    if (kind === undefined) continue;
    // All matches: an alias that looks like a name stands before the name, and must not pass for it.
    for (const [, name] of line.matchAll(/(?<!table_)function_name: ([^,\s]*)/g))
      if (!isAllowedFunction(name!)) throw refused(`the function ${name} is not allowed`, text, name);
    for (const [, name] of line.matchAll(/table_function_name: ([^,\s]*)/g))
      if (!isAllowedTableFunction(name!)) throw refused(`the table function ${name} is not allowed`, text, name);
    for (const [, name] of line.matchAll(/(?<!_)table_name: ([^,\s]*)/g))
      if (!isReadable(name!, database)) throw refused(`the table ${name} is not allowed`, text, name);
  }
}

function isReadable(table: string, database: string): boolean {
  // A SELECT without FROM reads the one row of system.one.
  if (table === "system.one") return true;
  return table.startsWith(`${database}.`) && READABLE.has(table.slice(database.length + 1));
}

/** Names with line breaks could draw nodes of their own into what the engine prints. */
function checkNames(sql: string, parameters: EngineParameters, text: string): void {
  for (const [token] of sql.matchAll(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/gs))
    if (token.startsWith("`") && /[\\\p{Cc}]/u.test(token))
      throw refused(`the name ${token} has a character that names may not have`, text, undefined);
  for (const [, name] of sql.matchAll(/\{(\w+):\s*Identifier\}/g)) {
    const value = parameters[name!];
    if (typeof value === "string" && !/^[\w.]+$/.test(value))
      throw refused(`the value of ${name} is no name`, text, undefined);
  }
}

/** `KillQueryQuery` → `KILL QUERY`. */
function statementName(root: string): string {
  return root
    .replace(/__.*$/, "")
    .replace(/Query$/, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toUpperCase();
}

/** `what` is looked up in the text as a word, so that the message can say where it stands. */
function refused(message: string, text: string, what: string | undefined): Failure {
  if (what === undefined) return new Failure("query-refused", message);
  const word = what.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const at = new RegExp(`(?<![\\w])${word}(?![\\w])`, "i").exec(text)?.index;
  if (at === undefined) return new Failure("query-refused", message);
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return new Failure("query-refused", `${message} (line ${line}, column ${column})`, { position: at });
}
