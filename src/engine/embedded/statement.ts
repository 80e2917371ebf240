/** A statement as the HTTP interface received it. */
export interface Statement {
  readonly queryId: string;
  readonly sql: string;
  readonly format: string;
  readonly database: string;
  /** Engine settings, as text. */
  readonly settings: ReadonlyMap<string, string>;
  /** Query parameters in the escaped form that ClickHouse's HTTP interface takes. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The one role it runs with; undefined for the program's own statements. */
  readonly role: string | undefined;
}

/** What the engine said, with ClickHouse's error code (0 where it gave none). */
export class StatementError extends Error {
  readonly code: number;

  constructor(message: string) {
    super(message);
    this.name = "StatementError";
    this.code = Number(/^Code: (\d+)/.exec(message)?.[1] ?? 0);
  }
}

/** A SQL string literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A quoted identifier. */
export function backquote(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}

/** By default the engine wants a gigabyte a thread to be free, so that under our small cap every read would have one. */
const THREADS_BY_MEMORY = "max_threads_min_free_memory_per_thread";
const FREE_BYTES_PER_THREAD = 64 << 20;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * What must be SET before the statement runs, in this order. The query's id goes into a setting that has no other effect
 * here, since chdb takes no query id: `query_cache_tag` (the query cache is off), so that `log_comment` is free to name the
 * tenant of a confined reader. `readonly` stands last, because nothing can be set after it.
 */
export function preamble(statement: Statement): string[] {
  const settings = [`query_cache_tag = ${quote(statement.queryId)}`];
  for (const [name, value] of statement.settings) {
    if (!NAME.test(name)) throw new StatementError("Code: 115. DB::Exception: Bad setting name. (UNKNOWN_SETTING)");
    if (name !== "readonly") settings.push(`${name} = ${quote(value)}`);
  }
  for (const [name, value] of statement.parameters) {
    if (!NAME.test(name)) throw new StatementError("Code: 36. DB::Exception: Bad parameter name. (BAD_ARGUMENTS)");
    settings.push(`param_${name} = ${quote(value)}`);
  }
  const readonly = statement.settings.get("readonly");
  if (readonly !== undefined && !statement.settings.has(THREADS_BY_MEMORY))
    settings.push(`${THREADS_BY_MEMORY} = ${FREE_BYTES_PER_THREAD}`);
  if (readonly !== undefined) settings.push(`readonly = ${quote(readonly)}`);
  return [
    ...(statement.role === undefined ? [] : [`SET ROLE ${backquote(statement.role)}`]),
    `SET ${settings.join(", ")}`,
  ];
}

/** What makes a connection one of this database; undefined for the one that each begins with. */
export function databaseChoice(database: string): string | undefined {
  return database === "default" ? undefined : `USE ${backquote(database)}`;
}
