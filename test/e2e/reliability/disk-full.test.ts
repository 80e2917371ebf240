import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eventually, startServer } from "../server.ts";
import { expectExactlyOnce, waitUntilLoaded } from "./accounting.ts";
import { Sender } from "./sender.ts";

const MIB = 2 ** 20;

/** A file system of its own, small enough to fill: needs the right to mount, which containers and CI as root have. */
function mountSmallDisk(sizeMiB: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "traceo-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", folder], { stdio: "ignore" });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

it("answers 503 while the disk is full, loses nothing it acknowledged, and recovers by itself", {
  timeout: 180_000,
}, async (context) => {
  const disk = mountSmallDisk(700);
  if (disk === undefined) return context.skip("no right to mount a tmpfs here");
  try {
    const dataDir = join(disk, "data");
    mkdirSync(dataDir);
    const server = await startServer({
      dataDir,
      flags: ["--set", "telemetry.self=false", "--set", "journal.segment=4MiB"],
    });
    const sender = new Sender({
      recordsPerBatch: 500,
      concurrency: 4,
      signals: ["traces", "logs", "metrics"],
      seed: 5,
      startUnixNano: BigInt(Date.now()) * 1_000_000n,
    });
    const sending = sender.run(server.otlpHttp);
    await eventually(async () => sender.acknowledged().length > 20);

    const ballast = join(disk, "ballast");
    fill(ballast);
    await eventually(async () => sender.batches.filter((batch) => batch.outcome === "refused").length > 5, 60_000);
    const statuses = await fetch(`${server.otlpHttp}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"resourceSpans":[]}',
    });
    expect([200, 503]).toContain(statuses.status);

    rmSync(ballast);
    const before = sender.acknowledged().length;
    await eventually(async () => sender.acknowledged().length > before + 20, 60_000);
    sender.stop();
    await sending;
    await waitUntilLoaded(server);
    await expectExactlyOnce(server, sender.batches);
    expect(await server.stop()).toBe(0);
  } finally {
    execFileSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

/** Writes until the disk refuses. */
function fill(path: string): void {
  const file = openSync(path, "w");
  const chunk = Buffer.alloc(MIB, 1);
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
  } finally {
    closeSync(file);
  }
}
