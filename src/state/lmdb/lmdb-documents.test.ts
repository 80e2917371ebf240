import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { isFailure } from "#runtime/failure.ts";
import { documentsSuite } from "../documents.suite.ts";
import { openLmdbDocuments } from "./lmdb-documents.ts";

const folder = mkdtempSync(join(tmpdir(), "traceo-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

documentsSuite("lmdb", (clock) => openLmdbDocuments(join(folder, "state.lmdb"), clock), true);

it("keeps a resolved write through kill -9", async () => {
  const path = join(folder, "killed.lmdb");
  const lmdb = import.meta.resolve("lmdb");
  const script = `const { open } = await import(${JSON.stringify(lmdb)});
    const store = open({ path: ${JSON.stringify(path)}, encoding: "json", noSubdir: true, maxDbs: 1 });
    await store.transaction(() => { store.putSync([""], 4); store.putSync(["default", "view", "a"], { version: 4, updatedMs: 1, text: "5" }); });
    process.kill(process.pid, "SIGKILL");`;
  expect(spawnSync(process.execPath, ["--input-type=module", "-e", script]).signal).toBe("SIGKILL");
  await using documents = openLmdbDocuments(path, new ManualClock(0));
  expect(await documents.get({ tenant: "default", kind: "view", id: "a" })).toMatchObject({ version: 4, content: 5 });
});

it.each([
  ["foreign", "this is no LMDB file, and long enough to be looked at".repeat(400)],
  ["cut off", "short"],
])("says that a %s file is no store", (name, text) => {
  const path = join(folder, `${name}.lmdb`);
  writeFileSync(path, text);
  let failure: unknown;
  try {
    openLmdbDocuments(path, new ManualClock(0));
  } catch (error) {
    failure = error;
  }
  expect(isFailure(failure, "corrupt")).toBe(true);
});
