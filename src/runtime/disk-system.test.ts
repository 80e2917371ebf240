import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemDisk } from "./disk-system.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "traceo-disk-"));
});
afterAll(() => rm(work, { recursive: true, force: true }));

describe("system disk", () => {
  it("writes many pieces at a place, also more than one call takes, and reads them back", async () => {
    const path = join(work, "pieces");
    await using file = await systemDisk.open(path, "create");
    const pieces = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`));
    await file.write(pieces, 7);
    await file.sync();
    const whole = Buffer.concat(pieces);
    expect((await readFile(path)).subarray(7).equals(whole)).toBe(true);
    const into = Buffer.alloc(whole.length + 100);
    expect(await file.read(into, 7)).toBe(whole.length);
    expect(into.subarray(0, whole.length).equals(whole)).toBe(true);
  });

  it("tells a missing file from other trouble", async () => {
    await expect(systemDisk.open(join(work, "none"), "existing")).rejects.toMatchObject({ code: "not-found" });
    await systemDisk.remove(join(work, "none"));
  });

  it.runIf(process.platform === "linux")("tells a full disk from other trouble", async () => {
    await using file = await systemDisk.open("/dev/full", "existing");
    await expect(file.write([Buffer.from("x")], 0)).rejects.toMatchObject({ code: "disk-full" });
  });
});

describe("directory lock", () => {
  it("is one owner's, in a path of any length, and free again when given back", async () => {
    const directory = join(work, "d".repeat(120), "e".repeat(120));
    await mkdir(directory, { recursive: true });
    const lock = await systemDisk.lock(directory);
    await expect(systemDisk.lock(directory)).rejects.toMatchObject({ code: "data-in-use" });
    await lock[Symbol.asyncDispose]();
    expect(await readdir(directory)).toEqual([]);
    await using again = await systemDisk.lock(directory);
    expect(again).toBeDefined();
  });

  it("is one owner's when several ask at once", async () => {
    const directory = join(work, "race");
    await mkdir(directory);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => systemDisk.lock(directory)));
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]!.value[Symbol.asyncDispose]();
  });

  it("is taken over from a process that was killed", async () => {
    const directory = join(work, "killed");
    await mkdir(directory);
    const child = spawn(
      process.execPath,
      [
        "-e",
        `require("net").createServer().listen(process.argv[1], () => console.log("listening"))`,
        join(directory, "lock"),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise((ready) => child.stdout.once("data", ready));
    await expect(systemDisk.lock(directory)).rejects.toMatchObject({ code: "data-in-use" });
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
    expect(await readdir(directory)).toEqual(["lock"]);
    const lock = await systemDisk.lock(directory);
    await expect(systemDisk.lock(directory)).rejects.toMatchObject({ code: "data-in-use" });
    await lock[Symbol.asyncDispose]();
  });

  it("does not take another owner's lock with it", async () => {
    const directory = join(work, "replaced");
    await mkdir(directory);
    const lock = await systemDisk.lock(directory);
    await rm(join(directory, "lock"));
    const other = createServer().listen(join(directory, "lock"));
    await new Promise((ready) => other.once("listening", ready));
    await lock[Symbol.asyncDispose]();
    await expect(systemDisk.lock(directory)).rejects.toMatchObject({ code: "data-in-use" });
    await new Promise((done) => other.close(done));
  });
});
