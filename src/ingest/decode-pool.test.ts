import { describe, expect, it } from "vitest";
import type { StartThread } from "#runtime/threads.ts";
import { twinThreads } from "#runtime/threads.ts";
import { DECODE_LIMITS } from "#wire/limits.ts";
import { buildMetrics, buildTraces } from "#wire/otlp-build.ts";
import { type DecodePool, type DecodePoolOptions, type DecodeRequest, openDecodePool } from "./decode-pool.ts";
import { serveDecoder } from "./decode-worker.ts";
import type { WorkerOrder } from "./decode-worker-message.ts";

const window = { acceptFromUnixNano: 0n, acceptToUnixNano: (1n << 63n) - 1n, outside: "clamp" } as const;

function body(bytes: Uint8Array): DecodeRequest {
  return {
    tenant: "default",
    contentType: "protobuf",
    contentEncoding: "identity",
    receivedUnixNano: 1_785_000_000_000_000_000n,
    window,
    limits: DECODE_LIMITS,
    body: bytes,
  };
}

const spans = (records: number) => body(buildTraces({ records }));
const POISON = Buffer.from("a body that no decoder survives");

/** A worker with a bug: it dies of POISON, or never comes back from it. */
function fragile(dies: string | undefined): StartThread {
  return twinThreads((port) => {
    let hangs = false;
    serveDecoder({
      post: port.post,
      onMessage: (listener) =>
        port.onMessage((message) => {
          const { body: bytes } = message as { body?: Uint8Array };
          if (bytes !== undefined && POISON.equals(bytes)) {
            if (dies !== undefined) throw new Error(dies);
            hangs = true;
          }
          if (!hangs) listener(message);
        }),
    });
  });
}

let opened: DecodePool | undefined;

function open(options: Partial<DecodePoolOptions> = {}) {
  return openDecodePool({ start: twinThreads(serveDecoder), ...options });
}

describe("decode pool", () => {
  it("decodes, keeps, and builds blocks of what it kept, in order", async () => {
    await using pool = open();
    const [one, two] = await Promise.all([
      pool.decode("traces", spans(30), "if-room"),
      pool.decode("traces", spans(12), "if-room"),
    ]);
    expect([one.accepted, two.accepted]).toEqual([30, 12]);
    expect(pool.status().keptBytes).toBe(one.keptBytes + two.keptBytes);
    expect(pool.isKept(one.ticket!)).toBe(true);
    const [block] = await pool.build("traces", [one.ticket!, two.ticket!]);
    expect(block).toMatchObject({ kind: "spans", rows: 42, dates: ["2026-01-01"] });
    expect(block!.parts.reduce((sum, part) => sum + part.length, 0)).toBe(block!.sizeBytes);
    expect(pool.isKept(one.ticket!)).toBe(false);
    expect(pool.status().keptBytes).toBe(0);
    await expect(pool.build("traces", [one.ticket!])).rejects.toMatchObject({ code: "unavailable" });
  });

  it("hands the memory of written blocks back to the worker that built them", async () => {
    const given: ArrayBuffer[] = [];
    const told = new Promise<void>((resolve) => {
      const start = twinThreads((port) =>
        serveDecoder({
          post: port.post,
          onMessage: (listener) =>
            port.onMessage((message) => {
              const order = message as WorkerOrder;
              listener(message);
              if (order.kind !== "give-back") return;
              given.push(...order.buffers);
              resolve();
            }),
        }),
      );
      opened = open({ start });
    });
    await using pool = opened!;
    const { ticket } = await pool.decode("traces", spans(4000), "if-room");
    const blocks = await pool.build("traces", [ticket!]);
    const sizes = new Set(blocks.flatMap(({ parts }) => parts.map(({ buffer }) => buffer.byteLength)));
    expect(sizes).toContain(1 << 20);
    pool.giveBack("traces", blocks);
    expect(blocks[0]!.parts.every(({ buffer }) => buffer.byteLength === 0)).toBe(true);
    await told;
    expect(new Set(given.map(({ byteLength }) => byteLength))).toEqual(sizes);
  });

  it("leaves the sender's bytes alone: the journal writes them meanwhile", async () => {
    await using pool = open();
    const request = spans(20);
    const before = Buffer.from(request.body);
    await pool.decode("traces", request, "if-room");
    expect(before.equals(request.body)).toBe(true);
  });

  it("keeps no more than its bound, unless the loader asks", async () => {
    const size = spans(50).body.length;
    await using pool = open({ maxKeptBytes: size + 10 });
    const first = await pool.decode("traces", spans(50), "if-room");
    const second = await pool.decode("traces", spans(50), "if-room");
    expect(first.ticket).toBeDefined();
    expect(second).toMatchObject({ accepted: 50, ticket: undefined });
    const third = await pool.decode("traces", spans(50), "always");
    expect(third.ticket).toBeDefined();
    pool.release([first.ticket!, third.ticket!]);
    expect(pool.status().keptBytes).toBe(0);
    expect((await pool.decode("traces", spans(50), "if-room")).ticket).toBeDefined();
  });

  it("refuses with 'overloaded' what its queue does not hold, and recovers", async () => {
    const request = spans(50);
    await using pool = open({ maxQueueBytes: request.body.length * 3 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => pool.decode("traces", request, "if-room")),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: "overloaded", retryAfterSeconds: 1 });
    expect(await pool.decode("traces", request, "if-room")).toMatchObject({ accepted: 50 });
  });

  it("drops what a sender gave up on while it waited", async () => {
    await using pool = open();
    const abort = new AbortController();
    const work = Array.from({ length: 6 }, () => pool.decode("traces", spans(10), "if-room", abort.signal));
    abort.abort();
    const outcomes = await Promise.allSettled(work);
    const cancelled = outcomes.filter(
      (outcome) => outcome.status === "rejected" && outcome.reason.code === "cancelled",
    );
    expect(cancelled.length).toBeGreaterThan(0);
    expect(pool.status()).toMatchObject({ queuedOrders: 0, queuedBytes: 0 });
  });

  it("replaces a worker that a body killed, blames that body and no other", async () => {
    await using pool = open({
      start: fragile("segmentation fault"),
    });
    const kept = await pool.decode("traces", spans(5), "if-room");
    const outcomes = await Promise.allSettled([
      pool.decode("traces", spans(1), "if-room"),
      pool.decode("traces", body(POISON), "if-room"),
      pool.decode("traces", spans(2), "if-room"),
      pool.decode("traces", spans(3), "if-room"),
    ]);
    expect(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.accepted : outcome.reason.code)),
    ).toEqual([1, "bad-payload", 2, 3]);
    expect(pool.isKept(kept.ticket!)).toBe(false);
    expect(pool.status()).toMatchObject({ replacedWorkers: 1 });
    expect(pool.status().lastTrouble).toMatch(/segmentation fault/);
  });

  it("replaces a worker that does not answer", async () => {
    await using pool = open({ start: fragile(undefined), hangMs: 50 });
    const outcomes = await Promise.allSettled([
      pool.decode("traces", body(POISON), "if-room"),
      pool.decode("traces", spans(2), "if-room"),
    ]);
    expect(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.accepted : outcome.reason.code)),
    ).toEqual(["bad-payload", 2]);
  });

  it("blames no body for a worker that cannot start", async () => {
    let starts = 0;
    await using pool = open({
      start: (_entry, { onEnd }) => {
        starts++;
        queueMicrotask(() => onEnd(new Error("no such file")));
        return { post: () => undefined, stop: async () => undefined };
      },
    });
    await expect(pool.decode("traces", spans(1), "if-room")).rejects.toMatchObject({ code: "unavailable" });
    await expect(pool.decode("traces", spans(1), "if-room")).rejects.toMatchObject({ code: "unavailable" });
    expect(starts).toBe(2);
  });

  it("fails a build whose batches died with their worker, without taking the next one's", async () => {
    await using pool = open({
      start: fragile("out of memory"),
    });
    const { ticket } = await pool.decode("traces", spans(5), "if-room");
    const poisoned = pool.decode("traces", body(POISON), "if-room");
    const waiting = pool.decode("traces", spans(1), "if-room");
    const build = pool.build("traces", [ticket!]);
    await expect(poisoned).rejects.toMatchObject({ code: "bad-payload" });
    await expect(build).rejects.toMatchObject({ code: "unavailable" });
    expect(await waiting).toMatchObject({ accepted: 1 });
  });

  it("stages a series again only when it must", async () => {
    await using pool = open();
    const kinds = async (): Promise<readonly string[]> => {
      const { ticket } = await pool.decode("metrics", body(buildMetrics({ records: 40 })), "if-room");
      return (await pool.build("metrics", [ticket!])).map(({ kind }) => kind);
    };
    expect(await kinds()).toContain("series");
    expect(await kinds()).not.toContain("series");
    pool.forgetSeries("metrics");
    expect(await kinds()).toContain("series");
  });

  it("refuses everything once closed, and what waits with it", async () => {
    const pool = open();
    const work = Array.from({ length: 5 }, () => pool.decode("traces", spans(5), "if-room"));
    await pool[Symbol.asyncDispose]();
    for (const outcome of await Promise.allSettled(work))
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    await expect(pool.decode("traces", spans(1), "if-room")).rejects.toMatchObject({ code: "unavailable" });
  });
});
