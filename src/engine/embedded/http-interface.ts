import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ChdbResult } from "./chdb-binding.ts";
import { quote, type Statement, StatementError } from "./statement.ts";

/**
 * ClickHouse's HTTP interface: as much of it as @clickhouse/client speaks, plus INSERTs whose data follow in the body. Answers
 * are whole, never chunked: a result that fails half way must be an error and nothing else.
 */
export interface HttpInterfaceOptions {
  readonly user: string;
  readonly password: string;
  /** Longest request body: a statement, or a statement's data. */
  readonly maxBodyBytes: number;
  /** Makes a Native body readable by `file('…')` while `use` runs. */
  readonly withFile: <T>(body: Uint8Array, use: (path: string) => Promise<T>) => Promise<T>;
  /** Runs one statement; the signal aborts when the client has gone. */
  readonly run: (statement: Statement, signal: AbortSignal) => Promise<ChdbResult>;
}

/** Parameters travel in the URL. ClickHouse's own limit is 1 MB, which a thousand long values pass. */
const MAX_URL_BYTES = 16 << 20;

/** URL parameters that are no settings. */
const RESERVED = new Set(["query", "query_id", "database", "default_format", "role", "session_id", "user", "password"]);

export function createHttpInterface(options: HttpInterfaceOptions): Server {
  const server = createServer(
    { keepAliveTimeout: 120_000, requestTimeout: 0, maxHeaderSize: MAX_URL_BYTES },
    (request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        if (!response.headersSent) fail(response, error);
        else response.destroy();
      });
    },
  );
  return server;
}

async function answer(options: HttpInterfaceOptions, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? "/", "http://engine");
  if (url.pathname === "/ping") {
    response.end("Ok.\n");
    return;
  }
  if (!authorized(options, request))
    throw new StatementError("Code: 516. DB::Exception: wrong user or password. (AUTHENTICATION_FAILED)");
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  const body = await readBody(request, options.maxBodyBytes);
  const statement = parseStatement(url.searchParams);
  const result = await runWithBody(options, statement, body, gone.signal);
  response.setHeader("X-ClickHouse-Query-Id", statement.queryId);
  response.setHeader("X-ClickHouse-Format", statement.format);
  const { rowsRead, bytesRead } = costOf(statement.format, result);
  response.setHeader(
    "X-ClickHouse-Summary",
    JSON.stringify({
      read_rows: String(rowsRead),
      read_bytes: String(bytesRead),
      elapsed_ns: String(Math.round(result.elapsed * 1e9)),
    }),
  );
  response.setHeader("Content-Length", result.bytes.length);
  response.end(result.bytes);
}

/** Formats whose answers end with what the engine read for them. */
const WITH_STATISTICS = new Set([
  "JSON",
  "JSONCompact",
  "JSONStrings",
  "JSONCompactStrings",
  "JSONColumnsWithMetadata",
]);
const STATISTICS = /"rows_read":\s*"?(\d+)"?,\s*"bytes_read":\s*"?(\d+)"?\s*\}\s*\}\s*$/;

/**
 * What was read to answer. chdb itself counts the answer's own rows and bytes, which is all there is to tell where a format
 * has no place for statistics.
 */
function costOf(format: string, { bytes, rowsRead, bytesRead }: ChdbResult): { rowsRead: number; bytesRead: number } {
  if (!WITH_STATISTICS.has(format)) return { rowsRead, bytesRead };
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(-300).toString("latin1");
  const told = STATISTICS.exec(end);
  return told === null ? { rowsRead, bytesRead } : { rowsRead: Number(told[1]), bytesRead: Number(told[2]) };
}

/** `… FROM input('structure') … FORMAT Native` with the block in the body, which chdb can only read from a file. */
const NATIVE_INPUT = /\bFROM input\(('(?:[^'\\]|\\.)*')\)([\s\S]*)\sFORMAT Native\s*$/;

async function runWithBody(
  options: HttpInterfaceOptions,
  statement: Statement,
  body: Buffer,
  signal: AbortSignal,
): Promise<ChdbResult> {
  if (statement.sql === "") return await options.run({ ...statement, sql: body.toString("utf8") }, signal);
  if (body.length === 0) return await options.run(statement, signal);
  if (!NATIVE_INPUT.test(statement.sql))
    return await options.run({ ...statement, sql: `${statement.sql}\n${body.toString("utf8")}` }, signal);
  return await options.withFile(body, async (path) => {
    const sql = statement.sql.replace(
      NATIVE_INPUT,
      (_all, structure: string, rest: string) => `FROM file(${quote(path)}, 'Native', ${structure})${rest}`,
    );
    return await options.run({ ...statement, sql }, signal);
  });
}

function parseStatement(query: URLSearchParams): Statement {
  const settings = new Map<string, string>();
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    if (name.startsWith("param_")) parameters.set(name.slice("param_".length), value);
    else if (!RESERVED.has(name)) settings.set(name, value);
  }
  return {
    queryId: query.get("query_id") ?? crypto.randomUUID(),
    sql: query.get("query") ?? "",
    format: query.get("default_format") ?? "TabSeparated",
    database: query.get("database") ?? "default",
    settings,
    parameters,
    role: query.get("role") ?? undefined,
  };
}

function authorized(options: HttpInterfaceOptions, request: IncomingMessage): boolean {
  const header = request.headers.authorization ?? "";
  const given = header.startsWith("Basic ") ? Buffer.from(header.slice("Basic ".length), "base64") : Buffer.alloc(0);
  const wanted = Buffer.from(`${options.user}:${options.password}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes)
      throw new StatementError(
        `Code: 307. DB::Exception: The body is longer than ${limitBytes} bytes. (TOO_MANY_BYTES)`,
      );
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const STATUS_OF: Readonly<Record<number, number>> = { 60: 404, 62: 400, 202: 503, 516: 401 };

function fail(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof StatementError
      ? error
      : new StatementError(`Code: 1002. DB::Exception: ${String(error)}. (UNKNOWN_EXCEPTION)`);
  response.statusCode = STATUS_OF[known.code] ?? 500;
  response.setHeader("X-ClickHouse-Exception-Code", known.code);
  response.setHeader("Content-Type", "text/plain; charset=UTF-8");
  response.end(known.message);
}
