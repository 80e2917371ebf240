import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Staging } from "./staging.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "traceo-staging-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

it("empties its folders at start, and writes parts one after the other", async () => {
  const folder = join(home, "a");
  mkdirSync(folder);
  writeFileSync(join(folder, "0.native"), "left by a dead process");
  const staging = new Staging([folder]);
  expect(existsSync(join(folder, "0.native"))).toBe(false);
  const { path, sizeBytes } = await staging.write([Buffer.from("one "), new Uint8Array(0), Buffer.from("two")]);
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(sizeBytes).toBe(7);
  expect((await staging.write([])).path).not.toBe(path);
  staging.close();
  expect(existsSync(folder)).toBe(false);
});

it("goes to the last folder when the others have no room", async () => {
  const [fast, roomy] = [join(home, "fast"), join(home, "roomy")];
  const everything = 2 ** 60;
  const staging = new Staging([fast, roomy], everything);
  expect((await staging.write([Buffer.from("x")])).path.startsWith(roomy)).toBe(true);
  expect((await new Staging([fast, roomy], 0).write([Buffer.from("x")])).path.startsWith(fast)).toBe(true);
});

it("sweeps what lay untouched for an hour, and makes a swept folder again", async () => {
  const [live, dead, other] = [join(home, "traceo-live"), join(home, "traceo-dead"), join(home, "other")];
  const staging = new Staging([live]);
  for (const folder of [dead, other]) mkdirSync(folder);
  const hours = (number: number): number => Date.now() / 1000 + number * 3600;
  for (const folder of [live, dead, other]) utimesSync(folder, hours(-2), hours(-2));
  Staging.sweep(home, "traceo-", Date.now());
  expect(readdirSync(home)).toEqual(["other"]);
  expect(readFileSync((await staging.write([Buffer.from("x")])).path, "utf8")).toBe("x");
  Staging.sweep(home, "traceo-", Date.now());
  expect(existsSync(live)).toBe(true);
});
