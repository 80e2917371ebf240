import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consolidate } from "../option/consolidate.ts";
import { isArchive, readArchive, writeArchive } from "./archive.ts";
import { readTar, writeTar } from "./tar.ts";

describe("tar", () => {
  it("reads what it writes, paths of any length too", () => {
    const path = fc
      .array(fc.stringMatching(/^[a-zé.]{1,40}$/), { minLength: 1, maxLength: 12 })
      .map((parts) => parts.join("/"));
    fc.assert(
      fc.property(fc.array(fc.tuple(path, fc.uint8Array({ maxLength: 1500 })), { maxLength: 5 }), (files) => {
        const entries = files.map(([name, content]) => ({ path: name, content: Buffer.from(content) }));
        const read = readTar(writeTar(entries, 1_700_000_000_000));
        expect(read.map((entry) => [entry.path, Buffer.from(entry.content)])).toEqual(
          entries.map((entry) => [entry.path, entry.content]),
        );
      }),
    );
  });

  it("is understood by the system's tar, and understands it", () => {
    const folder = mkdtempSync(join(tmpdir(), "traceo-tar-"));
    const long = `${"long/".repeat(50)}name.js`;
    const entries = [
      { path: "metadata.json", content: Buffer.from("{}") },
      { path: long, content: Buffer.from("x".repeat(600)) },
    ];
    writeFileSync(join(folder, "a.tar"), writeTar(entries, 1_700_000_000_000));
    execFileSync("tar", ["xf", "a.tar"], { cwd: folder });
    expect(readFileSync(join(folder, long), "utf8")).toBe("x".repeat(600));
    execFileSync("tar", ["cf", "b.tar", "metadata.json", long], { cwd: folder });
    const read = readTar(readFileSync(join(folder, "b.tar")));
    expect(read.map(({ path, content }) => [path, content.byteLength])).toEqual([
      ["metadata.json", 2],
      [long, 600],
    ]);
    rmSync(folder, { recursive: true });
  });

  it("says when a file is damaged or cut off", () => {
    const whole = writeTar([{ path: "a", content: Buffer.from("hello") }], 0);
    const damaged = Buffer.from(whole);
    damaged[0] = 120;
    expect(() => readTar(damaged)).toThrow("damaged at byte 0");
    expect(() => readTar(whole.subarray(0, 514))).toThrow("cut off");
  });
});

it("archives a script with its files, options and environment", () => {
  const files = { "/work/load/main.js": Buffer.from("main"), "/work/data.csv": Buffer.from("1,2") };
  const options = consolidate([{ vus: 3, duration: 5000 }]);
  const archive = writeArchive("/work/load/main.js", files, options, { HOST: "x" }, 0);
  expect(isArchive(archive)).toBe(true);
  expect(isArchive(Buffer.from("export default () => {}"))).toBe(false);
  const read = readArchive(archive);
  expect(read.source.entry).toBe("/work/load/main.js");
  expect(read.source.isClosed).toBe(true);
  expect(Object.keys(read.source.files).sort()).toEqual(["/work/data.csv", "/work/load/main.js"]);
  expect(read.environment).toEqual({ HOST: "x" });
  expect(read.options).toMatchObject({ scenarios: { default: { executor: "constant-vus", vus: 3, duration: "5s" } } });
  expect(() => readArchive(writeTar([], 0))).toThrow("no metadata.json");
});
