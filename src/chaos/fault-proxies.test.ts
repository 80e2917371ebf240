import { createServer, type Server, type Socket } from "node:net";
import { Toxiproxy } from "toxiproxy-node-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxies, openFaultProxies } from "./fault-proxies.ts";
import { exchange, listen, open, received } from "./proxy/peers.suite.ts";

let proxies: FaultProxies;
let upstream: Server;
let upstreamAddress: string;
let client: Toxiproxy;
const sockets: Socket[] = [];

beforeEach(async () => {
  proxies = await openFaultProxies({ port: 0, random: () => 0.5, nowMs: () => performance.now() });
  upstream = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket));
  upstreamAddress = await listen(upstream);
  client = new Toxiproxy(proxies.url);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxies[Symbol.asyncDispose]();
  await new Promise((resolve) => upstream.close(resolve));
});

const request = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${proxies.url}${path}`, init);
const post = (path: string, body: unknown, method = "POST"): Promise<Response> =>
  request(path, { method, body: JSON.stringify(body) });

describe("driven by toxiproxy-node-client", () => {
  it("makes, lists, disables, enables and removes a proxy", async () => {
    const proxy = await client.createProxy({ name: "echo", listen: "127.0.0.1:0", upstream: upstreamAddress });
    expect(proxy.enabled).toBe(true);
    expect(proxy.listen).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(Object.keys(await client.getAll())).toEqual(["echo"]);
    expect(await exchange(proxy.listen, "hello")).toBe("hello");

    const down = await proxy.update({ enabled: false, listen: proxy.listen, upstream: proxy.upstream });
    expect(down.enabled).toBe(false);
    await expect(exchange(proxy.listen, "hello")).rejects.toThrow(/ECONNREFUSED/);

    const up = await proxy.update({ enabled: true, listen: proxy.listen, upstream: proxy.upstream });
    expect(up.listen).toBe(proxy.listen);
    expect(await exchange(proxy.listen, "hello")).toBe("hello");

    await proxy.remove();
    expect(await client.getAll()).toEqual({});
    await expect(client.get("echo")).rejects.toThrow(/404/);
  });

  it("adds, updates and removes toxics while a connection is open", async () => {
    const proxy = await client.createProxy({ name: "echo", listen: "127.0.0.1:0", upstream: upstreamAddress });
    const socket = await open(proxy.listen);
    sockets.push(socket);
    expect(await received(socket, "before", 6)).toBe("before");

    const toxic = await proxy.addToxic({
      name: "slow",
      type: "latency",
      stream: "downstream",
      toxicity: 1,
      attributes: { latency: 60, jitter: 0 },
    });
    expect(toxic.name).toBe("slow");
    const started = performance.now();
    expect(await received(socket, "during", 6)).toBe("during");
    expect(performance.now() - started).toBeGreaterThan(58);

    // An hour: only a removal that reaches the held bytes lets the next answer arrive.
    const worse = await toxic.update({ ...toxic.toJson(), attributes: { latency: 3_600_000, jitter: 0 } } as never);
    expect(worse.attributes).toEqual({ latency: 3_600_000, jitter: 0 });
    const answer = received(socket, "after", 5);
    await (await proxy.getToxic("slow")).remove();
    expect(await answer).toBe("after");
    expect((await client.get("echo")).toJson()).not.toHaveProperty("toxics.0");
  });

  it("populates, resets and says its version", async () => {
    const made = await client.populate([
      { name: "one", listen: "127.0.0.1:0", upstream: upstreamAddress },
      { name: "two", listen: "127.0.0.1:0", upstream: upstreamAddress, enabled: false },
    ] as never);
    expect(made["one"]?.enabled).toBe(true);
    expect(made["two"]?.enabled).toBe(false);
    await made["one"]!.addToxic({ type: "timeout", attributes: { timeout: 0 } } as never);
    await client.reset();
    const all = await (await request("/proxies")).json();
    expect(all).toMatchObject({ one: { enabled: true, toxics: [] }, two: { enabled: true, toxics: [] } });
    expect(JSON.parse(await client.getVersion())).toEqual({ version: "2.12.0" });
  });
});

describe("Toxiproxy's HTTP API", () => {
  it("answers the documents in Toxiproxy's field order", async () => {
    await post("/proxies", { name: "a", listen: "127.0.0.1:0", upstream: "127.0.0.1:1", enabled: false });
    expect(
      await (
        await post("/proxies/a/toxics", { type: "slicer", attributes: { average_size: 3 }, toxicity: 0.5 })
      ).text(),
    ).toBe(
      '{"attributes":{"average_size":3,"size_variation":0,"delay":0},"name":"slicer_downstream","type":"slicer","stream":"downstream","toxicity":0.5}',
    );
    expect(await (await request("/proxies/a")).text()).toBe(
      '{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:1","enabled":false,"toxics":[{"attributes":{"average_size":3,"size_variation":0,"delay":0},"name":"slicer_downstream","type":"slicer","stream":"downstream","toxicity":0.5}]}',
    );
  });

  it.each([
    ["GET", "/proxies/none", undefined, 404, "proxy not found"],
    ["POST", "/proxies", { upstream: "a:1" }, 400, "missing required field: name"],
    ["POST", "/proxies", { name: "b" }, 400, "missing required field: upstream"],
    ["POST", "/proxies", { name: "a", upstream: "a:1" }, 409, "proxy already exists"],
    ["POST", "/proxies/a/toxics", { type: "flood" }, 400, "invalid toxic type"],
    [
      "POST",
      "/proxies/a/toxics",
      { type: "latency", stream: "sideways" },
      400,
      "stream was invalid, can be either upstream or downstream",
    ],
    ["POST", "/proxies/a/toxics", { type: "latency", name: "x" }, 409, "toxic already exists"],
    [
      "POST",
      "/proxies/a/toxics",
      { type: "latency", attributes: { latency: 1.5 } },
      400,
      "json: cannot unmarshal number 1.5 into Go struct field .attributes.latency of type int64",
    ],
    ["GET", "/proxies/a/toxics/none", undefined, 404, "toxic not found"],
    ["DELETE", "/proxies/a/toxics/none", undefined, 404, "toxic not found"],
    ["PATCH", "/proxies/none/toxics/none", {}, 404, "proxy not found"],
  ] as const)("%s %s %j answers %i", async (method, path, body, status, error) => {
    await post("/proxies", { name: "a", listen: "127.0.0.1:0", upstream: "127.0.0.1:1", enabled: false });
    await post("/proxies/a/toxics", { type: "latency", name: "x" });
    const response = await request(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect([response.status, await response.json()]).toEqual([status, { error, status }]);
  });

  it("says which field of a broken body is wrong", async () => {
    const broken = await request("/proxies", { method: "POST", body: "{" });
    expect([broken.status, ((await broken.json()) as { error: string }).error]).toEqual([
      400,
      expect.stringMatching(/^bad request body: /),
    ]);
    expect((await post("/proxies", { name: 7, upstream: "a:1" })).status).toBe(400);
    expect((await request("/nowhere")).status).toBe(404);
    expect((await request("/version", { method: "DELETE" })).status).toBe(405);
  });

  it("refuses browsers", async () => {
    expect((await request("/version", { headers: { "user-agent": "Mozilla/5.0 (X11)" } })).status).toBe(403);
    expect((await request("/version", { headers: { origin: "http://evil.example" } })).status).toBe(403);
  });

  it("listens on loopback only, unless told otherwise", async () => {
    const remote = await post("/proxies", { name: "a", listen: "0.0.0.0:0", upstream: upstreamAddress });
    expect([remote.status, await remote.json()]).toMatchObject([400, { error: expect.stringContaining("--remote") }]);
    await expect(openFaultProxies({ host: "0.0.0.0", port: 0, random: () => 0, nowMs: () => 0 })).rejects.toMatchObject(
      { code: "config-invalid" },
    );
  });

  it("counts bytes as Toxiproxy's metrics do", async () => {
    const made = (await (
      await post("/proxies", { name: "m", listen: "127.0.0.1:0", upstream: upstreamAddress })
    ).json()) as {
      listen: string;
    };
    expect(await exchange(made.listen, "12345")).toBe("12345");
    const page = await (await request("/metrics")).text();
    const labels = (direction: string): string =>
      `{direction="${direction}",listener="${made.listen}",proxy="m",upstream="${upstreamAddress}"} 5`;
    for (const what of ["received", "sent"])
      for (const direction of ["upstream", "downstream"])
        expect(page).toContain(`toxiproxy_proxy_${what}_bytes_total${labels(direction)}`);
  });

  it("takes a toxic away by itself when its time to live passes, and keeps one that is renewed", async () => {
    await post("/proxies", { name: "a", listen: "127.0.0.1:0", upstream: upstreamAddress });
    await post("/proxies/a/toxics", { name: "short", type: "latency", ttl_ms: 30 });
    await post("/proxies/a/toxics", { name: "kept", type: "latency", ttl_ms: 30 });
    await post("/proxies/a/toxics/kept", { ttl_ms: 60_000 });
    const names = async (): Promise<string[]> =>
      ((await (await request("/proxies/a/toxics")).json()) as { name: string }[]).map(({ name }) => name);
    while ((await names()).includes("short")) await new Promise((resolve) => setImmediate(resolve));
    expect(await names()).toEqual(["kept"]);
    await post("/proxies/a", { enabled: false, ttl_ms: 30 });
    const isUp = async (): Promise<boolean> =>
      ((await (await request("/proxies/a")).json()) as { enabled: boolean }).enabled;
    expect(await isUp()).toBe(false);
    while (!(await isUp())) await new Promise((resolve) => setImmediate(resolve));
  });
});
