import { Readable } from "node:stream";
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { describeError, Failure, isFailure } from "#runtime/failure.ts";
import { failureOf } from "./clickhouse-error.ts";
import { confineSql } from "./confined-sql.ts";
import type { EngineAnswer, EngineParameters, EngineRead } from "./engine.ts";
import { readCost } from "./read-cost.ts";

export interface ClickHouseUser {
  readonly user: string;
  readonly password: string;
}

export interface ClickHouseAddress extends ClickHouseUser {
  readonly url: string;
  readonly database: string;
  /** Who runs confined SQL: a user that is nothing but a reader, or the same user in the role `reader`. */
  readonly reader: ClickHouseUser | { readonly role: string } | undefined;
  /** Called when the engine could not be reached. */
  readonly onUnreachable?: () => void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** The engine's own deadline comes first; this much later the request is dropped and the query killed. */
const TIMEOUT_SLACK_MS = 2_000;
const DEFAULT_RESULT_BYTES = 64 << 20;
const ANALYSIS_LIMITS = { timeoutMs: 5_000, resultBytes: 16 << 20, memoryBytes: 100_000_000 };

/** ClickHouse over its HTTP interface: the one way to an engine, embedded or remote. */
export class ClickHouse implements AsyncDisposable {
  readonly #client: ClickHouseClient;
  /** Undefined where nobody may run confined SQL. */
  readonly #reader: ClickHouseClient | undefined;
  readonly #readerRole: string | undefined;
  readonly #database: string;
  readonly #onUnreachable: (() => void) | undefined;

  constructor(address: ClickHouseAddress) {
    const { reader } = address;
    this.#database = address.database;
    this.#onUnreachable = address.onUnreachable;
    this.#client = openClient(address, address);
    this.#readerRole = reader !== undefined && "role" in reader ? reader.role : undefined;
    this.#reader = reader === undefined ? undefined : "role" in reader ? this.#client : openClient(address, reader);
  }

  /** Runs a SELECT; SQL that a person wrote is confined first, see confined-sql.ts. */
  async read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer> {
    const started = performance.now();
    const { confinedTo } = read;
    let { sql } = read;
    if (confinedTo !== undefined) {
      const parameters = read.parameters ?? {};
      const ask = async (question: string, values: EngineParameters): Promise<string> => {
        const asked = { sql: question, parameters: values, format: "TSVRaw", limits: ANALYSIS_LIMITS, confinedTo };
        const { bytes } = await this.#select(asked, signal);
        return bytes.toString("utf8");
      };
      sql = (await confineSql(sql, parameters, this.#database, ask)).sql;
      // Only what may run may be explained, and as the same reader: a plan is no way around what is refused.
      if (read.explain === true) sql = `EXPLAIN PLAN indexes = 1 ${sql}`;
    }
    const { bytes, summary } = await this.#select({ ...read, sql }, signal);
    return {
      bytes,
      ...readCost(bytes, summary),
      elapsedMs: performance.now() - started,
    };
  }

  async #select(read: EngineRead, signal: AbortSignal | undefined) {
    const {
      timeoutMs = DEFAULT_TIMEOUT_MS,
      resultRows,
      resultBytes = DEFAULT_RESULT_BYTES,
      memoryBytes,
    } = read.limits ?? {};
    const deadline = AbortSignal.timeout(timeoutMs + TIMEOUT_SLACK_MS);
    try {
      return await this.#run(
        read.sql,
        read.parameters,
        {
          default_format: read.format ?? "JSONCompact",
          output_format_json_quote_64bit_integers: 1,
          max_execution_time: timeoutMs / 1000,
          cancel_http_readonly_queries_on_client_close: 1,
          max_result_bytes: String(resultBytes),
          ...(resultRows === undefined ? {} : { max_result_rows: String(resultRows) }),
          ...(memoryBytes === undefined ? {} : { max_memory_usage: String(memoryBytes) }),
          ...(read.confinedTo === undefined
            ? { readonly: "2" }
            : { readonly: "1", log_comment: read.confinedTo.tenant }),
        },
        signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        { confined: read.confinedTo !== undefined },
      );
    } catch (error) {
      if (isFailure(error, "cancelled") && signal?.aborted !== true)
        throw new Failure("query-timeout", `the query ran longer than ${timeoutMs} ms`, { cause: error });
      throw error;
    }
  }

  /** Runs a statement that changes something. With `data`, they are the body that follows its FORMAT clause. */
  async execute(
    sql: string,
    parameters?: EngineParameters,
    signal?: AbortSignal,
    data?: readonly Uint8Array[],
  ): Promise<void> {
    await this.#run(sql, parameters, {}, signal, { confined: false, ...(data === undefined ? {} : { data }) });
  }

  async #run(
    sql: string,
    parameters: EngineParameters | undefined,
    settings: Readonly<Record<string, string | number>>,
    signal: AbortSignal | undefined,
    how: { readonly confined: boolean; readonly data?: readonly Uint8Array[] },
  ) {
    const isGone = (): boolean => signal?.aborted === true;
    if (isGone()) throw new Failure("cancelled", "the caller went away");
    const client = how.confined ? this.#reader : this.#client;
    if (client === undefined)
      throw new Failure("query-refused", "this engine has no user that may run confined SQL", {
        remedy:
          "Set `engine.reader` to a role or user that has nothing but the grants and row policies of readerGrants().",
      });
    try {
      const statement = {
        query: sql,
        ...(parameters === undefined ? {} : { query_params: { ...parameters } }),
        clickhouse_settings: { ...settings },
        ...(signal === undefined ? {} : { abort_signal: signal }),
        ...(how.confined && this.#readerRole !== undefined ? { role: this.#readerRole } : {}),
      };
      const result = await (how.data === undefined
        ? client.exec(statement)
        : client.exec({ ...statement, values: Readable.from(how.data, { objectMode: false }) }));
      const pieces: Buffer[] = [];
      for await (const piece of result.stream as AsyncIterable<Buffer>) pieces.push(piece);
      return { bytes: Buffer.concat(pieces), summary: result.summary };
    } catch (error) {
      if (isGone()) throw new Failure("cancelled", "the caller went away", { cause: error });
      if (error instanceof ClickHouseError) throw failureOf(Number(error.code), error.message.trim(), error);
      // What is left comes from the socket; anything else (a parameter of an impossible type) is a mistake of ours.
      if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
      this.#onUnreachable?.();
      throw new Failure("engine-unavailable", `the engine does not answer: ${describeError(error)}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    if (this.#reader !== this.#client) await this.#reader?.close();
  }
}

function openClient({ url, database }: ClickHouseAddress, { user, password }: ClickHouseUser): ClickHouseClient {
  return createClient({
    url,
    database,
    username: user,
    password,
    // Deadlines are ours, per statement.
    request_timeout: 2 ** 31 - 1,
    max_open_connections: 64,
    log: { level: ClickHouseLogLevel.OFF },
  });
}
