import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import type { Engine, EngineParameters, EngineRead } from "./engine.ts";
import { insertLoad, missingFrom } from "./load.ts";
import { readRows } from "./rows.ts";
import { migrate } from "./schema/migrate.ts";
import { sampleBlockSql } from "./staged-sample.ts";

export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  /** Ends the engine's process at once, and sees to it that it comes back. */
  readonly crash: () => Promise<void>;
}

/** What every adapter of the port promises. */
export function describeEngine(name: string, open: () => Promise<EngineUnderTest>): void {
  describe(`engine: ${name}`, () => {
    let under: EngineUnderTest;
    let engine: Engine;
    beforeAll(async () => {
      under = await open();
      engine = under.engine;
      await migrate(engine);
      await engine.execute("CREATE TABLE thing (a UInt64, b String) ENGINE = MergeTree ORDER BY a");
    }, 120_000);
    afterAll(async () => {
      await under[Symbol.asyncDispose]();
    }, 60_000);

    const text = async (read: EngineRead, signal?: AbortSignal): Promise<string> =>
      Buffer.from((await engine.read(read, signal)).bytes).toString();
    const one = async (sql: string, parameters?: EngineParameters): Promise<unknown> =>
      (await readRows<unknown[]>(engine, sql, parameters))[0]?.[0];
    const code = async (promise: Promise<unknown>): Promise<string> =>
      await promise.then(
        () => "no failure",
        (error: unknown) => (isFailure(error) ? error.code : `no Failure: ${String(error)}`),
      );

    describe("parameters", () => {
      const same: readonly (readonly [string, EngineParameters[string]])[] = [
        ["String", 'it\'s \\ "quoted" `here`\n\t\r\0 ünï 日本 😀 {a:String} --'],
        ["String", ""],
        ["UInt64", 18_446_744_073_709_551_615n],
        ["Int64", -9_223_372_036_854_775_808n],
        ["UInt128", 340_282_366_920_938_463_463_374_607_431_768_211_455n],
        ["UInt8", 255],
        ["Float64", 0.1],
        ["Float64", 1e308],
        ["Bool", true],
        ["Bool", false],
        ["Array(String)", ["a", "b'c", "d\\e", "f\ng", "日本", ""]],
        ["Array(UInt64)", [1n, 18_446_744_073_709_551_615n]],
        ["Array(Array(String))", [["x"], []]],
        ["Map(String, String)", { k: "v", "k'2": "v\\2" }],
        ["Nullable(String)", null],
        ["DateTime64(9, 'UTC')", "2026-01-05 10:11:12.123456789"],
        ["Date", "2026-01-05"],
        ["Enum8('a' = 1, 'b' = 2)", "b"],
      ];
      it.each(same)("%s arrives as it was", async (type, value) => {
        const answer = await one(`SELECT {value:${type}}`, { value });
        const expected = JSON.parse(
          JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? String(part) : part)),
        ) as unknown;
        expect(answer).toEqual(expected);
      });

      it("are names too", async () => {
        expect(await one("SELECT count() FROM {table:Identifier}", { table: "thing" })).toBe("0");
      });

      it("fail when one is missing, also after another statement had it", async () => {
        await engine.read({ sql: "SELECT {p:String}", parameters: { p: "1" } });
        expect(await code(engine.read({ sql: "SELECT {p:String}" }))).toBe("query-invalid");
      });

      it("may be long", async () => {
        const value = "x".repeat(200_000);
        expect(await one("SELECT length({value:String})", { value })).toBe("200000");
      });
    });

    describe("answers", () => {
      it("come in the format asked for, with what they cost", async () => {
        const answer = await engine.read({ sql: "SELECT number FROM numbers(3)", format: "CSV" });
        expect(Buffer.from(answer.bytes).toString()).toBe("0\n1\n2\n");
        expect(answer.rowsRead).toBe(3);
        expect(answer.bytesRead).toBe(24);
        expect(await text({ sql: "SELECT 1 AS x" })).toMatch(/"meta"/);
        const sum = await engine.read({ sql: "SELECT sum(number) FROM numbers(5000)" });
        expect([sum.rowsRead, sum.bytesRead]).toEqual([5000, 40_000]);
      });

      it("keep 64-bit integers exact in JSON", async () => {
        expect(await text({ sql: "SELECT toUInt64(9007199254740993) AS x", format: "JSONEachRow" })).toBe(
          '{"x":"9007199254740993"}\n',
        );
      });

      it("may be binary and large", async () => {
        const { bytes } = await engine.read({ sql: "SELECT number FROM numbers(1000000)", format: "RowBinary" });
        expect(bytes.length).toBe(8_000_000);
        expect(Buffer.from(bytes).readBigUInt64LE(7_999_992)).toBe(999_999n);
      });

      it("contain no rows of a query that failed before", async () => {
        const failing: readonly EngineRead[] = [
          { sql: "SELECT throwIf(number = 900000), 'FAILED' FROM numbers(1000000) SETTINGS max_block_size = 1000" },
          { sql: "SELECT 'FAILED', number FROM numbers(100000000)", limits: { resultRows: 100_000 } },
          { sql: "SELECT 'FAILED', number FROM numbers(100000000)", limits: { resultBytes: 1_000_000 } },
          {
            sql: "SELECT 'FAILED', sleepEachRow(0.01) FROM numbers(1000) SETTINGS max_block_size = 1",
            limits: { timeoutMs: 100 },
          },
          { sql: "SELECT 'FAILED' FROM no_such_table" },
        ];
        for (let round = 0; round < 4; round++) {
          const all = failing.flatMap((read) => [
            engine.read({ ...read, format: "TSV" }).then(
              () => "no failure",
              () => "failed",
            ),
            text({ sql: "SELECT 'good', number FROM numbers(3)", format: "TSV" }),
          ]);
          const answers = await Promise.all(all);
          expect(answers).toEqual(failing.flatMap(() => ["failed", "good\t0\ngood\t1\ngood\t2\n"]));
        }
        expect(await text({ sql: "SELECT 'after'", format: "TSV" })).toBe("after\n");
      });

      it("contain no settings of another query", async () => {
        await engine.read({ sql: "SELECT 1", limits: { resultRows: 1 } });
        expect(await text({ sql: "SELECT count() FROM (SELECT number FROM numbers(10))", format: "TSV" })).toBe("10\n");
        expect(await text({ sql: "SELECT number FROM numbers(3)", format: "TSV" })).toBe("0\n1\n2\n");
      });
    });

    describe("failures", () => {
      const cases: readonly (readonly [string, EngineRead, string])[] = [
        ["bad syntax", { sql: "SELECT 1 FROMM x WHERE" }, "query-invalid"],
        ["an unknown table", { sql: "SELECT 1 FROM no_such" }, "query-invalid"],
        ["an unknown column", { sql: "SELECT no_such FROM thing" }, "query-invalid"],
        ["a wrong type", { sql: "SELECT 'a' + 1" }, "query-invalid"],
        ["rows over the limit", { sql: "SELECT * FROM numbers(100)", limits: { resultRows: 10 } }, "query-limit"],
        ["bytes over the limit", { sql: "SELECT * FROM numbers(1e6)", limits: { resultBytes: 1000 } }, "query-limit"],
        [
          "memory over the limit",
          { sql: "SELECT length(groupArray(number)) FROM numbers(1e7)", limits: { memoryBytes: 20_000_000 } },
          "query-limit",
        ],
        [
          "time over the limit",
          { sql: "SELECT count() FROM numbers(1e14)", limits: { timeoutMs: 200 } },
          "query-timeout",
        ],
        ["a write through read", { sql: "INSERT INTO thing VALUES (1, 'x')" }, "query-refused"],
        ["a definition through read", { sql: "DROP TABLE thing" }, "query-refused"],
      ];
      it.each(cases)("%s", async (_what, read, expected) => {
        expect(await code(engine.read(read))).toBe(expected);
      });

      it("say where", async () => {
        await expect(engine.read({ sql: "SELECT 1 FROMM x WHERE" })).rejects.toMatchObject({ position: 15 });
      });

      it("of execute are the same", async () => {
        expect(await code(engine.execute("CREATE TABLE"))).toBe("query-invalid");
        expect(await code(engine.execute("DROP TABLE no_such"))).toBe("query-invalid");
      });
    });

    describe("cancellation", () => {
      const running = async (mark: string): Promise<string> =>
        String(
          await one("SELECT count() FROM system.processes WHERE query LIKE {like:String}", { like: `SELECT ${mark}%` }),
        );

      it("ends the query in the engine", async () => {
        const leave = new AbortController();
        const read = code(engine.read({ sql: "SELECT 4711, count() FROM numbers(1e15)" }, leave.signal));
        while ((await running("4711")) === "0");
        leave.abort();
        expect(await read).toBe("cancelled");
        while ((await running("4711")) !== "0");
      });

      it("before the start starts nothing", async () => {
        expect(await code(engine.read({ sql: "SELECT 1" }, AbortSignal.abort()))).toBe("cancelled");
      });

      it("of many frees the engine for others", async () => {
        const leave = new AbortController();
        const reads = Array.from({ length: 30 }, async () =>
          code(
            engine.read(
              { sql: "SELECT 4712, count() FROM numbers(1e15)", limits: { timeoutMs: 60_000 } },
              leave.signal,
            ),
          ),
        );
        const waiting = one("SELECT 'light'");
        leave.abort();
        expect(new Set(await Promise.all(reads))).toEqual(new Set(["cancelled"]));
        expect(await waiting).toBe("light");
      });
    });

    describe("blocks", () => {
      const columns = [
        { name: "a", type: "UInt64" },
        { name: "b", type: "String" },
      ];

      it("are inserted by recipe, more than once, from several parts", async () => {
        const part = async (from: number): Promise<Uint8Array> =>
          (
            await engine.read({
              sql: "SELECT number + {from:UInt64} AS a, 'it''s' AS b FROM numbers(10)",
              parameters: { from },
              format: "Native",
            })
          ).bytes;
        const parts = [await part(0), await part(10)];
        await using block = await engine.stage(columns, parts);
        for (const bytes of parts) bytes.fill(0);
        await engine.insert("INSERT INTO thing SELECT a + {by:UInt64}, b FROM {block} WHERE a < 15", block, {
          by: 100,
        });
        await engine.insert("INSERT INTO thing SELECT a, upper(b) FROM {block} WHERE a >= 15", block);
        expect(await readRows(engine, "SELECT count(), sum(a), groupUniqArray(b) FROM thing")).toEqual([
          ["20", String(15 * 100 + 105 + 85), ["it's", "IT'S"]],
        ]);
      });

      it("that are broken change nothing", async () => {
        const before = await one("SELECT count() FROM thing");
        await using block = await engine.stage(columns, [Buffer.from("no Native block at all")]);
        expect(await code(engine.insert("INSERT INTO thing SELECT a, b FROM {block}", block))).not.toBe("no failure");
        expect(await one("SELECT count() FROM thing")).toBe(before);
      });
    });

    it("confines what a person wrote to a tenant", async () => {
      const block = async (tenant: string, seed: number): Promise<Uint8Array> =>
        (
          await engine.read({
            sql: sampleBlockSql("spans", { rows: 100, seed, fromUnixMs: Date.UTC(2026, 0, 5), overMs: 1000, tenant }),
            format: "Native",
          })
        ).bytes;
      const dates = ["2026-01-05"];
      await insertLoad(engine, 1, [{ kind: "spans", parts: [await block("one", 1), await block("two", 2)], dates }]);
      expect(await missingFrom(engine, 1, [{ kind: "spans", dates }])).toEqual([]);
      const sql = "SELECT tenant, count() FROM spans GROUP BY tenant";
      expect(await text({ sql, format: "TSV", confinedTo: { tenant: "one" } })).toBe("one\t100\n");
      expect(await text({ sql, format: "TSV" })).toMatch(/two\t100/);
      const confinedTo = { tenant: "one" };
      for (const explain of [false, true])
        expect(await code(engine.read({ sql: "SELECT * FROM system.parts", confinedTo, explain }))).toBe(
          "query-refused",
        );
      const plan = await text({ sql: `${sql} LIMIT 1`, format: "TSVRaw", confinedTo, explain: true });
      expect(plan).toMatch(/Limit[\s\S]*ReadFromMergeTree[\s\S]*Granules: /);
    });

    it("survives a crash: calls fail at once, then it is back with its data", async () => {
      const before = await one("SELECT count(), 1 FROM thing");
      const { restarts } = engine.status();
      let hooks = 0;
      const stop = engine.onStart(async (early) => {
        hooks++;
        expect(early.status().state).not.toBe("ready");
        await early.read({ sql: "SELECT 1" });
      });
      const inFlight = code(engine.read({ sql: "SELECT count() FROM numbers(1e15)" }));
      const crashed = under.crash();
      expect(await inFlight).toBe("engine-unavailable");
      do expect(await code(engine.read({ sql: "SELECT 1" }))).toBe("engine-unavailable");
      while (engine.status().state === "ready");
      expect(engine.status().state).toBe("restarting");
      await crashed;
      await engine.whenReady();
      stop();
      expect(hooks).toBe(1);
      expect(engine.status()).toMatchObject({ state: "ready", restarts: restarts + 1 });
      expect(await one("SELECT count(), 1 FROM thing")).toBe(before);
    }, 60_000);

    it("refuses everything once it is closed", async () => {
      await engine[Symbol.asyncDispose]();
      expect(engine.status().state).toBe("closed");
      expect(await code(engine.read({ sql: "SELECT 1" }))).toBe("engine-unavailable");
      expect(await code(engine.whenReady())).toBe("engine-unavailable");
    });
  });
}
