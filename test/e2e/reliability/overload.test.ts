import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { expect, it } from "vitest";
import { buildTraces } from "../../../src/wire/otlp-build.ts";
import { removeData, startServer, type TestServer } from "../server.ts";
import { expectExactlyOnce, waitUntilLoaded } from "./accounting.ts";
import type { Batch } from "./sender.ts";

/**
 * Five times what the program can take, offered for ten seconds (a minute with TORTURE_ROUNDS): it slows the senders and says
 * so, answers queries meanwhile, keeps its memory, and has what it acknowledged, once.
 */
const OVERLOAD_MS = process.env["TORTURE_ROUNDS"] === undefined ? 10_000 : 60_000;
const TIMES = 5;
const CALIBRATION_MS = 3_000;
const RECORDS = 1_000;
const TICK_MS = 10;
/** Requests that may wait for an answer; a sender that does not get one for so many waits, as a real one does. */
const MAX_WAITING = 400;
/** The whole program "works in 1.5 GB" (docs/operating). */
const MEMORY_BYTES = 1.5e9;

/** Bodies that differ in their ids only: the prefix is written into a prepared one, which costs the test next to nothing. */
class Bodies {
  readonly #template = Buffer.from(
    buildTraces(
      {
        records: RECORDS,
        resources: 4,
        attributes: 6,
        idPrefix: "f00dfeed",
        startUnixNano: BigInt(Date.now()) * 1_000_000n,
        stepNano: 1000n,
        tracedEvery: 1,
      },
      7,
    ),
  );
  readonly #places: readonly number[];

  constructor() {
    const places: number[] = [];
    const pattern = Buffer.from("f00dfeed", "hex");
    for (let at = this.#template.indexOf(pattern); at >= 0; at = this.#template.indexOf(pattern, at + 1))
      places.push(at);
    this.#places = places;
  }

  withPrefix(prefix: string): Buffer {
    const body = Buffer.from(this.#template);
    const value = Number.parseInt(prefix, 16);
    for (const place of this.#places) body.writeUInt32BE(value, place);
    return body;
  }
}

class Flood {
  readonly batches: Batch[] = [];
  readonly statuses = new Map<number, number>();
  readonly #bodies = new Bodies();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #url: string;
  waiting = 0;
  refusedWithoutDelay = 0;

  constructor(server: TestServer) {
    this.#url = `${server.otlpHttp}/v1/traces`;
  }

  send(): Promise<void> {
    const prefix = (this.batches.length + 1).toString(16).padStart(8, "0");
    const batch: Batch = { signal: "traces", prefix, records: RECORDS, outcome: "unknown" };
    this.batches.push(batch);
    this.waiting++;
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting--;
        resolve();
      };
      const call = request(
        this.#url,
        { method: "POST", agent: this.#agent, headers: { "content-type": "application/x-protobuf" } },
        (response) => {
          const status = response.statusCode!;
          this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
          batch.outcome = status === 200 ? "acknowledged" : "refused";
          if (status !== 200 && response.headers["retry-after"] === undefined) this.refusedWithoutDelay++;
          response.resume().once("close", done);
        },
      );
      call.once("error", done);
      call.end(this.#bodies.withPrefix(prefix));
    });
  }

  /** Sends as fast as a few lanes are answered; resolves with batches acknowledged a second. */
  async capacity(lanes: number): Promise<number> {
    const started = performance.now();
    const lane = async (): Promise<void> => {
      while (performance.now() - started < CALIBRATION_MS) await this.send();
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return this.batches.length / ((performance.now() - started) / 1000);
  }

  /** Offers `rate` batches a second whatever the answers; resolves when all are answered, with how many found no place to wait. */
  async offer(rate: number, ms: number): Promise<number> {
    const started = performance.now();
    let offered = 0;
    let held = 0;
    const sent: Promise<void>[] = [];
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const passed = performance.now() - started;
        for (const due = Math.floor((Math.min(passed, ms) / 1000) * rate); offered < due; offered++) {
          if (this.waiting < MAX_WAITING) sent.push(this.send());
          else held++;
        }
        if (passed < ms) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
    await Promise.all(sent);
    this.#agent.destroy();
    return held;
  }
}

/** Resident bytes of a process and its descendants. */
function residentBytes(processId: number): number {
  const status = (id: number): string => {
    try {
      return readFileSync(`/proc/${id}/status`, "utf8");
    } catch {
      return ""; // it ended meanwhile
    }
  };
  const own = Number(/VmRSS:\s+(\d+) kB/.exec(status(processId))?.[1] ?? 0) * 1024;
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((id) => new RegExp(`^PPid:\\s+${processId}$`, "m").test(status(id)));
  return children.reduce((sum, id) => sum + residentBytes(id), own);
}

it(`keeps memory, answers and everything acknowledged at ${TIMES} times what it can take`, {
  timeout: OVERLOAD_MS + 240_000,
}, async (context) => {
  if (process.platform !== "linux") return context.skip("memory is read from /proc");
  const server = await startServer({
    flags: ["--set", "telemetry.self=false", "--set", "journal.limit=96MiB", "--set", "journal.segment=8MiB"],
  });
  try {
    const flood = new Flood(server);
    const rate = (await flood.capacity(4)) * TIMES;

    let isOver = false;
    let peakBytes = 0;
    let answered = 0;
    const failed: string[] = [];
    const watching = (async () => {
      while (!isOver) {
        peakBytes = Math.max(peakBytes, residentBytes(server.processId));
        for (const path of ["/api/status", "/api/services?from=now-15m&to=now"]) {
          const response = await fetch(`${server.url}${path}`);
          if (response.ok) answered++;
          else failed.push(`${path}: ${response.status} ${await response.text()}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    })();
    const held = await flood.offer(rate, OVERLOAD_MS);
    isOver = true;
    await watching;

    const refused = flood.batches.filter(({ outcome }) => outcome === "refused").length;
    expect(held + refused).toBeGreaterThan(0);
    expect(flood.refusedWithoutDelay).toBe(0);
    expect([...flood.statuses.keys()].filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(3);
    expect(peakBytes).toBeLessThan(MEMORY_BYTES);
    await waitUntilLoaded(server);
    await expectExactlyOnce(server, flood.batches);
    console.log(
      JSON.stringify({
        offeredPerSecond: Math.round(rate * RECORDS),
        acknowledged: flood.batches.filter(({ outcome }) => outcome === "acknowledged").length,
        refused,
        held,
        peakMegabytes: Math.round(peakBytes / 1e6),
        answered,
      }),
    );
  } finally {
    await server.stop();
    removeData(server);
  }
});
