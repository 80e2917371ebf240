import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { Failure } from "#runtime/failure.ts";
import { failureOf } from "./clickhouse-error.ts";
import type { EngineAnswer, EngineParameters, EngineRead } from "./engine.ts";

export interface ClickHouseAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** ClickHouse over its HTTP interface: the one way to an engine, embedded or remote. */
export class ClickHouse implements AsyncDisposable {
  readonly #client: ClickHouseClient;

  constructor(address: ClickHouseAddress) {
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

  async read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer> {
    const { timeoutMs = 30_000, resultRows, resultBytes, memoryBytes } = read.limits ?? {};
    const started = performance.now();
    const { bytes, summary } = await this.#run(
      read.sql,
      read.parameters,
      {
        default_format: read.format ?? "JSONCompact",
        readonly: "2",
        output_format_json_quote_64bit_integers: 1,
        max_execution_time: timeoutMs / 1000,
        ...(resultRows === undefined ? {} : { max_result_rows: String(resultRows) }),
        ...(resultBytes === undefined ? {} : { max_result_bytes: String(resultBytes) }),
        ...(memoryBytes === undefined ? {} : { max_memory_usage: String(memoryBytes) }),
      },
      signal,
    );
    return {
      bytes,
      rowsRead: Number(summary?.read_rows ?? 0),
      bytesRead: Number(summary?.read_bytes ?? 0),
      elapsedMs: performance.now() - started,
    };
  }

  async execute(sql: string, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    await this.#run(sql, parameters, {}, signal);
  }

  async #run(
    sql: string,
    parameters: EngineParameters | undefined,
    settings: Readonly<Record<string, string | number>>,
    signal: AbortSignal | undefined,
  ) {
    try {
      const result = await this.#client.exec({
        query: sql,
        ...(parameters === undefined ? {} : { query_params: { ...parameters } }),
        clickhouse_settings: { ...settings },
        ...(signal === undefined ? {} : { abort_signal: signal }),
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
