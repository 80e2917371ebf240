import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, it } from "vitest";
import { compile } from "#runtime/compiled.suite.ts";
import { isFailure } from "#runtime/failure.ts";
import { describeDocuments } from "../documents.suite.ts";
import { openLmdbDocuments } from "./lmdb-documents.ts";

const made: string[] = [];
async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "traceo-documents-"));
  made.push(directory);
  return directory;
}
afterAll(() => Promise.all(made.map((directory) => rm(directory, { recursive: true, force: true }))));

describeDocuments("documents in LMDB", async () => openLmdbDocuments({ directory: await newDirectory() }));

const draft = (content: unknown) => ({ name: "n", owner: "o", updatedMs: 1, content });
const key = (id: string) => ({ tenant: "default", kind: "view", id });

/** Writes one document after the other without end, and says each that was answered. */
const WRITER = `
import { writeSync } from "node:fs";
import { openLmdbDocuments } from "./state/lmdb/lmdb-documents.js";

const documents = await openLmdbDocuments({ directory: process.argv[2] });
for (let n = 0; n < 2000; n++) {
  const id = "d" + n;
  const draft = { name: "n", owner: "o", updatedMs: 1, content: "x".repeat(n * 50 % 5000) };
  const { version } = await documents.put({ tenant: "default", kind: "view", id }, draft, 0);
  writeSync(1, id + " " + version + "\\n");
}
`;

describe("documents in LMDB, opened again", () => {
  it("has what was put, and goes on counting versions", async () => {
    const directory = join(await newDirectory(), "not", "yet");
    const first = await openLmdbDocuments({ directory });
    const put = await first.put(key("one"), draft({ a: 1 }), 0);
    const gone = await first.put(key("two"), draft(2), 0);
    await first.remove(key("two"), gone.version);
    await first[Symbol.asyncDispose]();
    await using second = await openLmdbDocuments({ directory });
    expect(await second.list("default", "view")).toEqual([put]);
    expect((await second.put(key("two"), draft(2), 0)).version).toBeGreaterThan(gone.version);
  });

  it("has every write that was answered when the process is killed while it writes", async () => {
    using compiled = compile(["state/lmdb/lmdb-documents.ts"]);
    const writer = join(compiled.directory, "writer.js");
    await writeFile(writer, WRITER);
    const directory = await newDirectory();
    const child = spawn(process.execPath, [writer, directory], { stdio: ["ignore", "pipe", "inherit"] });
    const exit = once(child, "exit");
    const answered: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      answered.push(line);
      if (answered.length === 60) child.kill("SIGKILL");
    }
    expect((await exit)[1]).toBe("SIGKILL");
    await using documents = await openLmdbDocuments({ directory });
    const found = (await documents.list("default", "view")).map(({ id, version }) => `${id} ${version}`);
    expect(answered.filter((line) => !found.includes(line))).toEqual([]);
  }, 60_000);

  it("says which file is damaged", async () => {
    const directory = await newDirectory();
    await writeFile(join(directory, "documents.mdb"), Buffer.alloc(65_536, "no database"));
    const error = await openLmdbDocuments({ directory }).catch((thrown: unknown) => thrown);
    expect(isFailure(error, "corrupt") && error.message).toContain("documents.mdb");
  });
});
