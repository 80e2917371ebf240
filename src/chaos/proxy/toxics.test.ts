import { createHash, randomBytes } from "node:crypto";
import { Agent, createServer as createHttpServer, type Server as HttpServer, request as httpRequest } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProxyCollection } from "./collection.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import { ending, exchange, listen, open, received } from "./peers.suite.ts";

let upstream: Server;
let proxies: ProxyCollection;
let proxy: FaultProxy;
let dice: number[];
const sockets: Socket[] = [];
/** What the upstream saw of each connection, resolved at its end. */
let seen: Promise<Awaited<ReturnType<typeof ending>>>[];

/** The next throw of the dice: those given first, then 0.5. */
const random = (): number => dice.shift() ?? 0.5;
const nowMs = (): number => performance.now();

beforeEach(async () => {
  dice = [];
  seen = [];
  upstream = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    seen.push(ending(socket));
    socket.pipe(socket);
  });
  proxies = new ProxyCollection({ random, nowMs });
  proxy = await proxies.add({ name: "p", listen: "", upstream: await listen(upstream), enabled: true });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxies.dispose();
  await new Promise((resolve) => upstream.close(resolve));
});

async function opened(): Promise<Socket> {
  const socket = await open(proxy.listen);
  sockets.push(socket);
  return socket;
}

describe("a proxy without toxics", () => {
  it("passes megabytes unchanged and half-closes as its ends do", async () => {
    const sent = randomBytes(20_000_000).toString("latin1");
    const got = await exchange(proxy.listen, sent);
    const hash = (text: string): string => createHash("sha256").update(text, "latin1").digest("hex");
    expect(hash(got)).toBe(hash(sent));
    // The client had ended its side before the first byte came back, and the upstream saw that as an end, not a loss.
    expect((await seen[0])?.how).toBe("end");
  });

  it("stops reading from a sender whose receiver does not read", async () => {
    await using deaf = await deafUpstream();
    const through = await proxies.add({ name: "deaf", listen: "", upstream: deaf.address, enabled: true });
    const socket = await open(through.listen);
    sockets.push(socket);
    const block = Buffer.alloc(1 << 20);
    // Writes until the kernel and the proxy take no more; without back-pressure this would never end.
    let sentBytes = 0;
    while (socket.writableLength === 0) {
      socket.write(block);
      sentBytes += block.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (socket.writableLength > 0) await settled(socket);
    }
    expect(sentBytes).toBeLessThan(200 << 20);
    expect(through.counts.upstream.receivedBytes).toBeLessThan(sentBytes);
  });

  it("closes the client when the upstream cannot be reached, and passes a reset on", async () => {
    const nobody = await proxies.add({ name: "none", listen: "", upstream: "127.0.0.1:1", enabled: true });
    const lost = await open(nobody.listen);
    expect((await ending(lost)).text).toBe("");
    const socket = await opened();
    await received(socket, "x", 1);
    socket.resetAndDestroy();
    expect((await seen[0])?.how).toBe("reset");
  });
});

describe("toxics", () => {
  it("latency delays and keeps the order, jitter within its bounds", async () => {
    proxy.addToxic({ type: "latency", attributes: { latency: 40, jitter: 20 } });
    const started = nowMs();
    // dice: toxicity 0 (acts), then jitter 0: 40 - 20.
    dice = [0, 0];
    expect(await exchange(proxy.listen, "abc")).toBe("abc");
    expect(nowMs() - started).toBeGreaterThan(19);
  });

  it("toxicity leaves a connection alone on which the dice did not fall", async () => {
    proxy.addToxic({ type: "timeout", toxicity: 0.4, attributes: { timeout: 0 } });
    dice = [0.4];
    expect(await exchange(proxy.listen, "untouched")).toBe("untouched");
    proxy.updateToxic("timeout_downstream", { toxicity: 0.41, attributes: { timeout: 1 } });
    dice = [0.4];
    expect(await exchange(proxy.listen, "swallowed")).toBe("");
  });

  it("bandwidth lets rate KB a second through", async () => {
    proxy.addToxic({ type: "bandwidth", attributes: { rate: 100 } });
    const started = nowMs();
    expect((await exchange(proxy.listen, "z".repeat(30_000))).length).toBe(30_000);
    expect(nowMs() - started).toBeGreaterThan(280);
  });

  it("bandwidth of 0 holds everything until it is removed", async () => {
    proxy.addToxic({ type: "bandwidth", attributes: { rate: 0 } });
    const socket = await opened();
    const answer = received(socket, "held", 4);
    await until(() => proxy.counts.downstream.receivedBytes === 4);
    expect(proxy.counts.downstream.sentBytes).toBe(0);
    proxy.removeToxic("bandwidth_downstream");
    expect(await answer).toBe("held");
  });

  it("slow_close holds the end back, not the data", async () => {
    proxy.addToxic({ type: "slow_close", attributes: { delay: 3_600_000 } });
    const socket = await opened();
    const whole = ending(socket);
    socket.end("data");
    await until(() => proxy.counts.downstream.sentBytes === 4);
    expect(socket.readableEnded).toBe(false);
    proxy.removeToxic("slow_close_downstream");
    expect(await whole).toEqual({ text: "data", how: "end" });
  });

  it("timeout swallows data and closes after its time", async () => {
    proxy.addToxic({ type: "timeout", stream: "upstream", attributes: { timeout: 30 } });
    const socket = await opened();
    socket.write("lost");
    expect((await ending(socket)).text).toBe("");
    expect((await seen[0])?.text).toBe("");
  });

  it("timeout 0 holds the connection until the toxic is removed, then closes what lost data", async () => {
    proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
    const socket = await opened();
    socket.write("lost");
    await until(() => proxy.counts.downstream.receivedBytes === 4);
    const end = ending(socket);
    proxy.removeToxic("timeout_downstream");
    expect((await end).text).toBe("");
    expect(await exchange(proxy.listen, "again")).toBe("again");
  });

  it("reset_peer resets both sides", async () => {
    proxy.addToxic({ type: "reset_peer", attributes: { timeout: 0 } });
    const socket = await opened();
    const end = ending(socket);
    socket.write("x");
    expect(await end).toEqual({ text: "", how: "reset" });
    expect((await seen[0])?.how).toBe("reset");
  });

  it("slicer cuts into pieces of about its size", async () => {
    await using pieces = await pieceUpstream();
    const through = await proxies.add({ name: "pieces", listen: "", upstream: pieces.address, enabled: true });
    through.addToxic({
      type: "slicer",
      stream: "upstream",
      attributes: { average_size: 10, size_variation: 2, delay: 20_000 },
    });
    const socket = await open(through.listen);
    sockets.push(socket);
    socket.end("0123456789".repeat(4));
    const sizes = await pieces.sizes;
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(40);
  });

  it("limit_data closes after its bytes, over an update", async () => {
    proxy.addToxic({ type: "limit_data", attributes: { bytes: 10 } });
    const socket = await opened();
    expect(await received(socket, "01234", 5)).toBe("01234");
    proxy.updateToxic("limit_data_downstream", { attributes: { bytes: 7 } });
    const end = ending(socket);
    socket.write("56789");
    expect((await end).text).toBe("56");
  });

  it("loss stalls for the retransmission timeout, doubled, and resets after its retries", async () => {
    proxy.addToxic({ type: "loss", attributes: { loss: 0.5, rto: 10, connect: 1, retries: 3 } });
    const started = nowMs();
    // toxicity; connecting: arrives at once; the segment: lost, lost, arrives: 10 + 20 ms.
    dice = [0, 0.9, 0.1, 0.1, 0.9];
    expect(await exchange(proxy.listen, "late")).toBe("late");
    expect(nowMs() - started).toBeGreaterThan(29);
    dice = [0, 0.9, 0.1, 0.1, 0.1];
    const socket = await opened();
    const end = ending(socket);
    socket.write("never");
    expect(await end).toEqual({ text: "", how: "reset" });
  });

  it("can be stacked, and taken from the middle while data waits", async () => {
    proxy.addToxic({ name: "one", type: "latency", attributes: { latency: 1 } });
    proxy.addToxic({ name: "stuck", type: "bandwidth", attributes: { rate: 0 } });
    proxy.addToxic({ name: "three", type: "slicer", attributes: { average_size: 3 } });
    const socket = await opened();
    const text = Array.from({ length: 500 }, (_, at) => `${at};`).join("");
    const answer = received(socket, text, text.length);
    await until(() => proxy.counts.downstream.receivedBytes > 0);
    proxy.removeToxic("stuck");
    proxy.addToxic({ name: "four", type: "latency", attributes: { latency: 1 } });
    expect(await answer).toBe(text);
    proxy.removeToxics();
    expect(await received(socket, text, text.length)).toBe(text);
  });
});

describe("http_error", () => {
  let web: HttpServer;
  let worked: string[];
  let agent: Agent;

  beforeEach(async () => {
    worked = [];
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    web = createHttpServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        worked.push(`${request.method} ${request.url} ${Buffer.concat(parts).length}`);
        if (request.url === "/chunked") {
          response.write("first ");
          response.end("second");
        } else response.end("fine");
      });
    });
    proxy = await proxies.add({ name: "web", listen: "", upstream: await listen(web), enabled: true });
  });

  afterEach(async () => {
    agent.destroy();
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
  });

  function call(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; body: string; fault: unknown }> {
    return new Promise((resolve, reject) => {
      const port = Number(proxy.listen.split(":")[1]);
      const request = httpRequest({ host: "127.0.0.1", port, method, path, agent }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(parts).toString(),
            fault: response.headers["x-traceo-fault"],
          }),
        );
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  it("answers in place of the upstream, which never sees the request, on one kept connection", async () => {
    expect((await call("GET", "/a")).body).toBe("fine");
    // The connection is open and in the pool when the fault comes.
    proxy.addToxic({ type: "http_error", stream: "upstream", attributes: { status: 503, rate: 0.5 } });
    dice = [0.4, 0.6, 0.4, 0.4];
    expect(await call("POST", "/b", "x".repeat(100_000))).toEqual({
      status: 503,
      body: "fault injected\n",
      fault: "http_error",
    });
    expect((await call("GET", "/c")).body).toBe("fine");
    expect(await call("HEAD", "/d")).toMatchObject({ status: 503, body: "" });
    expect((await call("GET", "/e")).status).toBe(503);
    proxy.removeToxics();
    expect((await call("GET", "/f")).body).toBe("fine");
    expect(worked).toEqual(["GET /a 0", "GET /c 0", "GET /f 0"]);
    expect(proxy.openConnections).toBe(1);
  });

  it("replaces the answer after the work was done, whatever its framing", async () => {
    proxy.addToxic({ type: "http_error", attributes: { status: 500, rate: 0.5, body: "no" } });
    // The toxicity's own throw, then one for each answer.
    dice = [0, 0.4, 0.6, 0.4, 0.4, 0.6];
    expect(await call("GET", "/chunked")).toEqual({ status: 500, body: "no", fault: "http_error" });
    expect((await call("GET", "/chunked")).body).toBe("first second");
    expect((await call("HEAD", "/x")).status).toBe(500);
    expect((await call("POST", "/y", "12345")).body).toBe("no");
    expect((await call("GET", "/z")).body).toBe("fine");
    expect(worked).toEqual(["GET /chunked 0", "GET /chunked 0", "HEAD /x 0", "POST /y 5", "GET /z 0"]);
  });

  it("leaves what is not HTTP/1.1 alone", async () => {
    const raw = await proxies.add({ name: "raw", listen: "", upstream: proxy.upstream, enabled: true });
    raw.addToxic({ type: "http_error", stream: "upstream", attributes: { rate: 1 } });
    const answer = await exchange(raw.listen, "\x16\x03\x01 no request");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toContain("x-traceo-fault");
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when nothing of the socket's queue has moved for some turns of the event loop. */
async function settled(socket: Socket): Promise<void> {
  for (let turns = 0, before = -1; turns < 2000 && socket.writableLength > 0; turns++) {
    if (socket.writableLength !== before) turns = 0;
    before = socket.writableLength;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function deafUpstream(): Promise<{ address: string } & AsyncDisposable> {
  const server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket));
  return { address: await listen(server), [Symbol.asyncDispose]: async () => void server.close() };
}

async function pieceUpstream(): Promise<{ address: string; sizes: Promise<number[]> } & AsyncDisposable> {
  let server: Server | undefined;
  const sizes = new Promise<number[]>((resolve) => {
    server = createServer((socket) => {
      const got: number[] = [];
      socket.on("data", (data) => got.push(data.length));
      socket.on("end", () => resolve(got));
    });
  });
  return { address: await listen(server!), sizes, [Symbol.asyncDispose]: async () => void server!.close() };
}
