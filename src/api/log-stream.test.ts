import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestLog } from "#query/test-store.suite.ts";
import { openLogStream } from "./log-stream.ts";
import { openTestApi, type TestApi } from "./test-api.suite.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Event {
  readonly event: string;
  readonly data: unknown;
}

async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream() as never)) {
    text += part as unknown as string;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [event, data] = text.slice(0, end).split("\n");
      yield { event: event!.slice("event: ".length), data: JSON.parse(data!.slice("data: ".length)) };
      text = text.slice(end + 2);
    }
  }
}

const line = (body: string, tenant: string): TestLog => ({ at: 3_600_000, body, tenant, service: "cart" });

function open(tenant: string, options: { bufferBytes?: number; ask?: () => never } = {}) {
  const abort = new AbortController();
  let looks = 0;
  let closed = 0;
  let looked = (): void => undefined;
  const stream = openLogStream({
    where: undefined,
    ask: () => {
      looks++;
      looked();
      return options.ask?.() ?? api.store.question(tenant, 3_600_000);
    },
    intervalMs: 10,
    heartbeatMs: 40,
    bufferBytes: options.bufferBytes ?? 1_000_000,
    signal: abort.signal,
    closed: () => closed++,
  });
  /** Resolves when the look after the next one begins: everything the next saw has been dealt with. */
  const afterLooks = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const target = looks + count;
      looked = () => looks >= target && resolve();
    });
  return { stream, abort, afterLooks, closed: () => closed };
}

describe("log stream", () => {
  it("sends lines as they arrive, once, and this tenant's only", async () => {
    await api.store.addLogs([line("before", "a")]);
    const { stream, abort, afterLooks, closed } = open("a");
    const events = eventsOf(stream);
    expect((await events.next()).value).toEqual({ event: "heartbeat", data: {} });
    await afterLooks(2);
    await api.store.addLogs([line("one", "a"), line("two", "a"), line("foreign", "b")]);
    const bodies: string[] = [];
    const read = async (until: number): Promise<void> => {
      while (bodies.length < until) {
        const { event, data } = (await events.next()).value as Event;
        if (event === "rows") bodies.push(...(data as { body: string }[]).map(({ body }) => body));
      }
    };
    await read(2);
    await api.store.addLogs([line("three", "a")]);
    await read(3);
    expect(bodies.toSorted()).toEqual(["one", "three", "two"]);
    // Quiet from here on: a heartbeat comes, and no line again.
    expect((await events.next()).value).toEqual({ event: "heartbeat", data: {} });
    abort.abort();
    expect((await events.next()).done).toBe(true);
    expect(closed()).toBe(1);
  });

  it("drops and counts what a slow client has no room for, and what is too much for one look", async () => {
    const { stream, abort, afterLooks } = open("slow", { bufferBytes: 1 });
    await afterLooks(2);
    await api.store.addLogs(Array.from({ length: 700 }, (_, index) => line(`flood ${index}`, "slow")));
    await afterLooks(3);
    const events = eventsOf(stream);
    let dropped = 0;
    while (dropped === 0) {
      const { event, data } = (await events.next()).value as Event;
      expect(event).not.toBe("rows");
      if (event === "dropped") dropped = (data as { count: number }).count;
    }
    expect(dropped).toBe(700);
    abort.abort();
  });

  it("tells why it ends", async () => {
    const { stream } = open("broken", {
      ask: () => {
        throw new Error("engine gone");
      },
    });
    const events: Event[] = [];
    for await (const event of eventsOf(stream)) events.push(event);
    expect(events.at(-1)).toMatchObject({ event: "problem", data: { code: "internal" } });
  });
});
