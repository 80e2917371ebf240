import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import type { Engine, EngineAnswer, EngineRead } from "#engine/engine.ts";
import { TABLES } from "#engine/schema/tables.ts";
import { Failure } from "#runtime/failure.ts";

/** The engine in this process, for tests until the real test engine is merged. */
export function openScratchEngine(): Engine {
  const directory = mkdtempSync(join(tmpdir(), "traceo-query-"));
  let session = new Session(directory);
  session.query("CREATE DATABASE IF NOT EXISTS traceo");
  session.query("USE traceo");
  for (const table of TABLES)
    session.query(
      `CREATE TABLE ${table.name} (${table.columns.replace("Array(LowCardinality(String))),\n    root_service", "Array(String)),\n    root_service")}) ENGINE = ${table.engine} PARTITION BY ${table.partitionBy} ORDER BY ${table.orderBy} SETTINGS ${table.settings.replace("allow_dimensions_from_aggregate_functions", "allow_dimensions_outside_sorting_key")}`,
    );
  return {
    async read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer> {
      if (signal?.aborted) throw new Failure("cancelled", "cancelled");
      try {
        const answer = await session.queryBindAsync(read.sql, read.parameters ?? {}, {
          format: read.format ?? "JSONCompact",
        });
        return {
          bytes: answer.bytes(),
          rowsRead: answer.rowsRead,
          bytesRead: answer.bytesRead,
          elapsedMs: answer.elapsed * 1000,
        };
      } catch (error) {
        session.close();
        session = new Session(directory);
        session.query("USE traceo");
        throw new Failure("query-invalid", (error as Error).message);
      }
    },
    async execute(sql, parameters) {
      if (parameters === undefined) session.query(sql);
      else session.queryBind(sql, parameters);
    },
    stage: () => Promise.reject(new Error("not here")),
    sync: async () => undefined,
    whenReady: async () => undefined,
    status: () => ({
      kind: "embedded",
      state: "ready",
      version: "26.7",
      cluster: undefined,
      restarts: 0,
      lastFailure: undefined,
      residentBytes: undefined,
      memoryLimitBytes: undefined,
      processId: undefined,
    }),
    onStart: () => () => undefined,
    async [Symbol.asyncDispose]() {
      session.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
