import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import { type NativeBlock, readBlocks, valueAt } from "./native-read.ts";

let session: Session;
let folder: string;
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "traceo-native-read-"));
  session = new Session();
});
afterAll(() => {
  session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the engine writes. */
function native(sql: string): Uint8Array {
  const path = join(folder, `${files++}.native`);
  session.query(`${sql} INTO OUTFILE '${path}' FORMAT Native`);
  return readFileSync(path);
}

function rowsOf(blocks: readonly NativeBlock[]): unknown[][] {
  return blocks.flatMap(({ rows, columns }) =>
    Array.from({ length: rows }, (_, row) => columns.map(({ values }) => valueAt(values, row))),
  );
}

describe("reading Native blocks", () => {
  it("reads every type the program's queries answer with", () => {
    const blocks = readBlocks(
      native(`SELECT number::UInt8 AS a, -number::Int16 AS b, (number * 1000000)::UInt32 AS c, 18446744073709551615::UInt64 AS d,
        -9007199254740993::Int64 AS e, number / 3 AS f, toFloat32(0.5) AS g, concat('é', toString(number)) AS h,
        toLowCardinality(toString(number % 2)) AS i, number = 1 AS j, true AS k, CAST(number, 'Enum8(\\'o\\\\\\'x\\' = 0, \\'p, (q\\' = 1, \\'r\\' = -2)') AS l,
        toDate('2025-10-10') AS m, toDateTime('2025-10-10 00:00:01', 'UTC') AS n, toDateTime64('2025-10-10 00:00:01.000000001', 9, 'UTC') AS o,
        [number, 7] AS p, arrayMap(x -> map('k', toString(x)), range(number)) AS q, (number, 'x', [1.5]) AS r,
        if(number = 1, NULL, 'y') AS s, toLowCardinality(if(number = 1, NULL, 'z')) AS t, toFixedString('ab', 2) AS u,
        map('a', 1::UInt8)::Map(LowCardinality(String), UInt8) AS v, CAST((1, 'n'), 'Tuple(count UInt8, \`the name\` String)') AS w,
        []::Array(LowCardinality(String)) AS x
      FROM numbers(2)`),
    );
    expect(blocks[0]!.columns.map(({ name }) => name).join("")).toBe("abcdefghijklmnopqrstuvwx");
    const shared = { d: 2n ** 64n - 1n, e: -9007199254740993n, u: "ab", v: { a: 1 }, w: [1, "n"] };
    expect(rowsOf(blocks)).toEqual([
      [
        ...[0, 0, 0, shared.d, shared.e, 0, 0.5, "é0", "0", 0, true, "o'x", 20371, 1760054401, 1760054401000000001n],
        ...[[0n, 7n], [], [0n, "x", [1.5]], "y", "z", shared.u, shared.v, shared.w, []],
      ],
      [
        ...[1, -1, 1000000, shared.d, shared.e, 1 / 3, 0.5, "é1", "1", 1, true, "p, (q", 20371, 1760054401],
        ...[
          1760054401000000001n,
          [1n, 7n],
          [{ k: "0" }],
          [1n, "x", [1.5]],
          null,
          null,
          shared.u,
          shared.v,
          shared.w,
          [],
        ],
      ],
    ]);
  });

  it("reads blocks one after the other, and none", () => {
    const blocks = readBlocks(
      native("SELECT number, toLowCardinality(toString(number)) FROM numbers(200000) SETTINGS max_block_size = 65000"),
    );
    expect(blocks.length).toBeGreaterThan(1);
    const rows = rowsOf(blocks);
    expect(rows.length).toBe(200_000);
    expect(rows.every(([number, text]) => text === String(number))).toBe(true);
    expect(readBlocks(native("SELECT number FROM numbers(0)"))).toEqual([]);
  });

  it("says so where bytes are missing or a type is unknown", () => {
    const bytes = native("SELECT 'text' AS a, [1, 2] AS b, toLowCardinality('x') AS c");
    for (let length = 1; length < bytes.length; length++) {
      let caught: unknown;
      try {
        readBlocks(bytes.subarray(0, length));
      } catch (error) {
        caught = error;
      }
      expect(isFailure(caught, "engine-error")).toBe(true);
    }
    expect(() => readBlocks(native("SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS u"))).toThrow("UUID");
  });
});
