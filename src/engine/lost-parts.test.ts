import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readLostParts } from "./lost-parts.ts";
import { readRows } from "./rows.ts";
import { openTestEngine } from "./test-engine.ts";

it("starts with 150 broken parts and names every one", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "traceo-lost-"));
  try {
    let path: string;
    {
      await using engine = await openTestEngine({ dataDir });
      await engine.execute("CREATE TABLE t (d UInt32, a UInt64) ENGINE = MergeTree PARTITION BY d ORDER BY a");
      await engine.execute(
        "INSERT INTO t SELECT number % 200, number FROM numbers(1000) SETTINGS max_partitions_per_insert_block = 0",
      );
      expect(await readLostParts(engine)).toEqual([]);
      [[path]] = (await readRows<[string]>(engine, "SELECT data_paths[1] FROM system.tables WHERE name = 't'")) as [
        [string],
      ];
    }
    const parts = readdirSync(path)
      .filter((name) => /^\d+_/.test(name))
      .slice(0, 150);
    expect(parts).toHaveLength(150);
    for (const part of parts) truncateSync(join(path, part, "data.bin"), 3);
    await using engine = await openTestEngine({ dataDir });
    const lost = await readLostParts(engine);
    expect(lost).toHaveLength(150);
    expect(new Set(lost.map(({ reason }) => reason))).toEqual(new Set(["broken-on-start"]));
    expect(lost.every(({ table, path: where }) => table === "t" && existsSync(where))).toBe(true);
    expect(await readRows(engine, "SELECT count() FROM t")).toEqual([["250"]]);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 60_000);
