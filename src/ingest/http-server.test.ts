import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { LimitCounts } from "./admission-counts.ts";
import { openRawConnection, requestHead } from "./http-receiver.suite.ts";
import { type HttpServer, type HttpServerOptions, openHttpServer } from "./http-server.ts";

interface Opened extends AsyncDisposable {
  readonly server: HttpServer;
  readonly counts: LimitCounts;
  /** Responses of requests that wait for the test. */
  readonly held: ServerResponse[];
  arrived(times: number): Promise<void>;
}

async function open(options: Partial<HttpServerOptions> = {}): Promise<Opened> {
  const counts = new LimitCounts();
  const held: ServerResponse[] = [];
  const waiting: { times: number; resolve: () => void }[] = [];
  const server = await openHttpServer(
    (request, response) => {
      request.resume();
      if (request.url === "/held") {
        held.push(response);
        for (const { times, resolve } of waiting) if (held.length >= times) resolve();
      } else response.end("ok");
    },
    { host: "127.0.0.1", port: 0, flag: "--listen", ...options },
    counts,
  );
  return {
    server,
    counts,
    held,
    arrived: (times) =>
      new Promise((resolve) => {
        if (held.length >= times) resolve();
        else waiting.push({ times, resolve });
      }),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

const GET = requestHead("GET", "/", {});
const HELD = requestHead("GET", "/held", {});

describe("listening", () => {
  it("names the flag when the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(open({ port, flag: "--otlp-http" })).rejects.toMatchObject({
      code: "port-in-use",
      message: `another program already listens on 127.0.0.1:${port}`,
      remedy: expect.stringContaining("--otlp-http"),
    });
    other.close();
  });

  it("says which address cannot be listened on", async () => {
    await expect(open({ host: "192.0.2.1" })).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringContaining("192.0.2.1"),
    });
  });
});

describe("headers", () => {
  it("may not be large", async () => {
    await using at = await open({ maxHeaderBytes: 2_000 });
    const connection = await openRawConnection(at.server.port);
    connection.send(requestHead("GET", "/", { "x-large": "x".repeat(3_000) }));
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 431 /);
    expect(at.counts.snapshot()["header-size"]).toBe(1);
  });

  it("may not be slow, even where nothing comes", async () => {
    await using at = await open({ headersTimeoutMs: 100 });
    const begun = await openRawConnection(at.server.port);
    begun.send("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    const silent = await openRawConnection(at.server.port);
    expect(await begun.closed()).toMatch(/^HTTP\/1.1 408 /);
    await silent.closed();
    expect(at.counts.snapshot()["header-time"]).toBe(2);
  });
});

describe("connections", () => {
  it("beyond the bound take the place of the one idle longest", async () => {
    await using at = await open({ maxConnections: 3 });
    const first = await openRawConnection(at.server.port);
    const second = await openRawConnection(at.server.port);
    const third = await openRawConnection(at.server.port);
    third.send(GET);
    await third.received("ok");
    first.send(GET);
    await first.received("ok");
    const fourth = await openRawConnection(at.server.port);
    await second.closed();
    fourth.send(GET);
    await fourth.received("ok");
    const fifth = await openRawConnection(at.server.port);
    await third.closed();
    fifth.send(GET);
    await fifth.received("ok");
    expect([at.server.connections(), at.counts.snapshot().connections]).toEqual([3, 2]);
  });

  it("with a request under way are not closed for a new one", async () => {
    let asked = 0;
    await using at = await open({
      maxConnections: 1,
      makeRoom: () => {
        asked++;
        return false;
      },
    });
    const busy = await openRawConnection(at.server.port);
    busy.send(HELD);
    await at.arrived(1);
    const late = await openRawConnection(at.server.port);
    await late.closed();
    at.held[0]!.end("done");
    await busy.received("done");
    expect(asked).toBe(1);
  });
});

describe("closing", () => {
  it("lets requests under way finish, ends idle connections and accepts no more", async () => {
    await using at = await open();
    const idle = await openRawConnection(at.server.port);
    idle.send(GET);
    await idle.received("ok");
    const busy = await openRawConnection(at.server.port);
    busy.send(HELD);
    await at.arrived(1);
    const closing = at.server.close(60_000);
    await idle.closed();
    await expect(openRawConnection(at.server.port)).rejects.toThrow("ECONNREFUSED");
    at.held[0]!.end("done");
    expect(await busy.closed()).toContain("done");
    await closing;
    expect(at.server.connections()).toBe(0);
  });

  it("destroys what is left at the deadline", async () => {
    await using at = await open();
    const busy = await openRawConnection(at.server.port);
    busy.send(HELD);
    await at.arrived(1);
    await at.server.close(20);
    expect(await busy.closed()).toBe("");
  });
});
