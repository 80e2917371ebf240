import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { openSegmentJournal } from "./segment-journal.ts";

/** Real processes, killed with SIGKILL while they append: Node 20 runs no TypeScript, so the journal is compiled for them. */
const ROUNDS = Number(process.env["JOURNAL_KILLS"] ?? 5);
let work: string;
let compiled: Compiled;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "traceo-kill-"));
  compiled = compile(["journal/segment/segment-journal.ts"]);
  writeFileSync(join(compiled.directory, "writer.js"), WRITER);
}, 60_000);
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
  compiled[Symbol.dispose]();
});

/** Appends without end, 16 at a time, and says each acknowledged number and its body's hash; completes a load now and then. */
const WRITER = `
import { createHash, randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { openSegmentJournal } from "./journal/segment/segment-journal.js";

const journal = await openSegmentJournal({ directory: process.argv[2], segmentBytes: 1 << 20, limitBytes: 1 << 26, reserveBytes: 0 });
writeSync(1, "recovered " + journal.recovery.tornBytes + " " + journal.recovery.damaged.length + "\\n");
async function appendForEver() {
  for (;;) {
    const body = randomBytes(Math.floor(Math.random() ** 4 * 200_000));
    const sequence = await journal.append({
      receivedUnixNano: 1n, tenant: "default", contentType: "protobuf", contentEncoding: "identity", acceptFromUnixNano: 0n,
      acceptToUnixNano: 2n, outside: "clamp", decoding: "", acceptedCount: 1, decodedBytes: body.length, body,
    });
    writeSync(1, "kept " + sequence + " " + createHash("sha256").update(body).digest("hex") + "\\n");
  }
}
async function loadForEver() {
  for (;;) {
    const { completedSequence, durableSequence } = journal.status();
    if (durableSequence - completedSequence < 300) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const plan = await journal.planLoad(completedSequence + 200);
    await journal.completeLoad(plan);
    writeSync(1, "completed " + plan.lastSequence + "\\n");
  }
}
if (journal.openLoad() !== undefined) await journal.completeLoad(journal.openLoad());
await Promise.all([...Array.from({ length: 16 }, appendForEver), loadForEver()]);
`;

describe("a journal whose process is killed", () => {
  it("has every acknowledged record, once, under its number", { timeout: 240_000 }, async () => {
    const directory = join(work, "journal");
    const kept = new Map<number, string>();
    let completed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await runUntilKilled(directory, 200 + ((round * 397) % 900));
      for (const line of lines) {
        const [what, number, hash] = line.split(" ");
        if (what === "recovered") expect(line).toMatch(/^recovered \d+ 0$/);
        if (what === "completed") completed = Math.max(completed, Number(number));
        if (what === "kept") {
          expect(kept.has(Number(number))).toBe(false);
          kept.set(Number(number), hash!);
        }
      }
      await using journal = await openSegmentJournal({
        directory,
        segmentBytes: 1 << 20,
        limitBytes: 1 << 26,
        reserveBytes: 0,
      });
      const { completedSequence, durableSequence } = journal.status();
      expect(completedSequence).toBeGreaterThanOrEqual(completed);
      expect(journal.recovery.damaged).toEqual([]);
      const found = new Map<number, string>();
      for await (const entry of journal.read(completedSequence + 1, durableSequence)) {
        if (entry.kind === "damaged") throw new Error(JSON.stringify(entry.damaged));
        found.set(entry.record.sequence, createHash("sha256").update(entry.record.body).digest("hex"));
      }
      for (const [number, hash] of kept) if (number > completedSequence) expect(found.get(number)).toBe(hash);
      // What was written and not yet acknowledged may be there; it has a number that nobody was told.
      for (const [number, hash] of found) if (!kept.has(number)) kept.set(number, hash);
    }
    expect(kept.size).toBeGreaterThan(ROUNDS * 200);
    expect(completed).toBeGreaterThan(0);
  });
});

/** The lines the writer wrote before it was killed, which is when it had acknowledged so many records. */
async function runUntilKilled(directory: string, records: number): Promise<readonly string[]> {
  const child: ChildProcess = spawn(process.execPath, [join(compiled.directory, "writer.js"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<NodeJS.Signals | null>((done) => child.once("exit", (_code, signal) => done(signal)));
  const lines: string[] = [];
  let left = records;
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line);
    if (line.startsWith("kept ") && left-- === 0) child.kill("SIGKILL");
  }
  expect(await ended).toBe("SIGKILL");
  return lines;
}
