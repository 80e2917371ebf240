import type { Engine } from "./engine.ts";
import { readRows } from "./rows.ts";

/** A piece of a table that the engine could not read and moved aside (to `detached`). Its rows are gone from every answer. */
export interface LostPart {
  readonly table: string;
  /** The day (YYYYMMDD) its rows were from. */
  readonly partition: string;
  readonly part: string;
  /** ClickHouse's word: `broken-on-start`, `broken`, `unexpected`. */
  readonly reason: string;
  readonly sizeBytes: number;
  readonly path: string;
}

/** What is lost, to be asked at every start. Parts that were replaced by others, and so are no loss, are left out. */
export async function readLostParts(engine: Engine, signal?: AbortSignal): Promise<LostPart[]> {
  const rows = await readRows<[string, string, string, string, string, string]>(
    engine,
    `SELECT table, ifNull(partition_id, ''), name, ifNull(reason, ''), toString(bytes_on_disk), path FROM system.detached_parts
      WHERE database = currentDatabase() AND reason IN ('broken', 'broken-on-start', 'unexpected') ORDER BY table, name`,
    {},
    signal,
  );
  return rows.map(([table, partition, part, reason, sizeBytes, path]) => ({
    table,
    partition,
    part,
    reason,
    sizeBytes: Number(sizeBytes),
    path,
  }));
}
