import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { Failure, isFailure } from "#runtime/failure.ts";
import { failureOf } from "./clickhouse-error.ts";
import { confineSql } from "./confined-sql.ts";
import type { EngineAnswer, EngineParameters, EngineRead } from "./engine.ts";

export interface ClickHouseAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The role of SQL that people wrote; every engine must have it (embedded/config-file.ts, remote/reader.ts). */
const READER_ROLE = "reader";

const DEFAULT_TIMEOUT_MS = 30_000;
/** The engine's own deadline comes first; this much later the request is dropped and the query killed. */
const TIMEOUT_SLACK_MS = 2_000;
const DEFAULT_RESULT_BYTES = 64 << 20;
const ANALYSIS_LIMITS = { timeoutMs: 5_000, resultBytes: 16 << 20, memoryBytes: 100_000_000 };

/** ClickHouse over its HTTP interface: the one way to an engine, embedded or remote. */
export class ClickHouse implements AsyncDisposable {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(address: ClickHouseAddress) {
    this.#database = address.database;
    this.#client = createClient({
      url: address.url,
      username: address.user,
      password: address.password,
      database: address.database,
      request_timeout: 2 ** 31 - 1,
      max_open_connections: 64,
      log: { level: ClickHouseLogLevel.OFF },
    });
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
    }
    const { bytes, summary } = await this.#select({ ...read, sql }, signal);
    return {
      bytes,
      rowsRead: Number(summary?.read_rows ?? 0),
      bytesRead: Number(summary?.read_bytes ?? 0),
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
          max_result_bytes: String(resultBytes),
          ...(resultRows === undefined ? {} : { max_result_rows: String(resultRows) }),
          ...(memoryBytes === undefined ? {} : { max_memory_usage: String(memoryBytes) }),
          ...(read.confinedTo === undefined
            ? { readonly: "2" }
            : { readonly: "1", log_comment: read.confinedTo.tenant }),
        },
        signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        read.confinedTo === undefined ? undefined : READER_ROLE,
      );
    } catch (error) {
      if (isFailure(error, "cancelled") && signal?.aborted !== true)
        throw new Failure("query-timeout", `the query ran longer than ${timeoutMs} ms`, { cause: error });
      throw error;
    }
  }

  async execute(sql: string, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    await this.#run(sql, parameters, {}, signal, undefined);
  }

  async #run(
    sql: string,
    parameters: EngineParameters | undefined,
    settings: Readonly<Record<string, string | number>>,
    signal: AbortSignal | undefined,
    role: string | undefined,
  ) {
    try {
      const result = await this.#client.exec({
        query: sql,
        ...(parameters === undefined ? {} : { query_params: { ...parameters } }),
        clickhouse_settings: { ...settings },
        ...(signal === undefined ? {} : { abort_signal: signal }),
        ...(role === undefined ? {} : { role }),
      });
      const pieces: Buffer[] = [];
      for await (const piece of result.stream as AsyncIterable<Buffer>) pieces.push(piece);
      return { bytes: Buffer.concat(pieces), summary: result.summary };
    } catch (error) {
      if (signal?.aborted === true) throw new Failure("cancelled", "the caller went away", { cause: error });
      if (error instanceof ClickHouseError) throw failureOf(Number(error.code), error.message.trim(), error);
      throw new Failure("engine-unavailable", `the engine does not answer: ${String(error)}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}
