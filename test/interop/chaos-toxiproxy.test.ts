/** Our fault proxy beside Toxiproxy itself: its official Go client sees the same from both, and so does a plain HTTP client. */
import type { ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultProxies, openFaultProxies } from "#chaos/fault-proxies.ts";
import { buildGo, NotToBeHad, runSender, startSender } from "./sdk-sender.ts";

let program: string | undefined;
let absence = "";
let toxiproxy: ChildProcess | undefined;
let toxiproxyUrl: string;
let ours: FaultProxies;
let echo: Server;
let upstream: string;

beforeAll(async () => {
  echo = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  upstream = `127.0.0.1:${await listen(echo)}`;
  ours = await openFaultProxies({ port: 0, random: Math.random, nowMs: () => performance.now() });
  try {
    program = await buildGo("chaos-toxiproxy");
  } catch (error) {
    if (!(error instanceof NotToBeHad)) throw error;
    absence = error.message;
    return;
  }
  const free = createServer();
  const port = await listen(free);
  await new Promise((resolve) => free.close(resolve));
  toxiproxy = await startSender(program, ["serve", `127.0.0.1:${port}`], "serving");
  toxiproxyUrl = `http://127.0.0.1:${port}`;
  while ((await fetch(`${toxiproxyUrl}/version`).catch(() => undefined)) === undefined)
    await new Promise((resolve) => setImmediate(resolve));
});
afterAll(async () => {
  toxiproxy?.kill();
  await ours[Symbol.asyncDispose]();
  await new Promise((resolve) => echo.close(resolve));
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

const plain = (text: string): string =>
  text
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    // Its logger's field, which it prints by mistake.
    .replaceAll('"Logger":{},', "")
    .replace(/"version": "[^"]*"/, '"version": "V"')
    .replace(/^version \d+ bytes/, "version");

describe("Toxiproxy's official Go client", () => {
  it("sees the same from us as from Toxiproxy", async ({ skip }) => {
    skip(program === undefined, absence);
    const [theirs, mine] = [
      await runSender(program!, ["drive", toxiproxyUrl, upstream], {}),
      await runSender(program!, ["drive", ours.url, upstream], {}),
    ];
    expect(mine.output).toContain("deleted:");
    expect(plain(mine.output)).toBe(plain(theirs.output));
    expect(mine.code).toBe(0);
  });
});

describe("the HTTP API, byte by byte", () => {
  const steps: readonly (readonly [method: string, path: string, body?: string | undefined, agent?: string])[] = [
    ["GET", "/version"],
    ["GET", "/proxies"],
    ["POST", "/proxies", ""],
    ["POST", "/proxies", "{}"],
    ["POST", "/proxies", '{"name":"a"}'],
    ["POST", "/proxies", '{"name":"a<b>","upstream":"UP","listen":"127.0.0.1:0"}'],
    ["GET", "/proxies/a%3Cb%3E"],
    ["DELETE", "/proxies/a%3Cb%3E"],
    ["POST", "/proxies", '{"name":"a","upstream":"UP","listen":"127.0.0.1:0"}'],
    ["POST", "/proxies", '{"name":"a","upstream":"UP","listen":"127.0.0.1:0"}'],
    ["POST", "/proxies", '{"name":"off","upstream":"UP","listen":"127.0.0.1:0","enabled":false}'],
    ["GET", "/proxies"],
    ["GET", "/proxies/none"],
    ["PATCH", "/proxies/none", "{}"],
    ["POST", "/proxies/a/toxics", '{"type":"latency"}'],
    ["POST", "/proxies/a/toxics", '{"type":"latency"}'],
    ["POST", "/proxies/a/toxics", '{"type":"latency","stream":"sideways"}'],
    ["POST", "/proxies/a/toxics", '{"type":"none"}'],
    [
      "POST",
      "/proxies/a/toxics",
      '{"type":"slicer","stream":"upstream","toxicity":0.25,"attributes":{"average_size":7,"unknown":1}}',
    ],
    ["POST", "/proxies/a/toxics", '{"name":"close","type":"slow_close","attributes":{"delay":3}}'],
    ["GET", "/proxies/a/toxics"],
    ["GET", "/proxies/a/toxics/close"],
    ["GET", "/proxies/a/toxics/none"],
    ["POST", "/proxies/a/toxics/close", '{"attributes":{"delay":4}}'],
    ["PATCH", "/proxies/a/toxics/close", '{"toxicity":0.5}'],
    ["PATCH", "/proxies/a/toxics/none", "{}"],
    ["DELETE", "/proxies/a/toxics/none"],
    ["GET", "/proxies/a"],
    ["PATCH", "/proxies/a", '{"enabled":false}'],
    ["POST", "/reset"],
    ["GET", "/proxies"],
    ["DELETE", "/proxies/none"],
    ["POST", "/populate", "[]"],
    [
      "POST",
      "/populate",
      '[{"name":"p","upstream":"UP","listen":"127.0.0.1:0"},{"name":"q","upstream":"UP","listen":"127.0.0.1:0","enabled":false}]',
    ],
    ["POST", "/populate", '[{"name":"p"}]'],
    ["POST", "/populate", '[{"upstream":"UP"}]'],
    ["GET", "/reset"],
    ["GET", "/nowhere"],
    ["GET", "/version", undefined, "Mozilla/5.0"],
    ["DELETE", "/proxies/a"],
    ["DELETE", "/proxies/off"],
  ];

  it("answers as Toxiproxy does", async ({ skip }) => {
    skip(program === undefined, absence);
    const ask = async (url: string): Promise<readonly string[]> => {
      const answers: string[] = [];
      for (const [method, path, body, agent] of steps) {
        const response = await fetch(`${url}${path}`, {
          method,
          headers: { "user-agent": agent ?? "test" },
          ...(body === undefined ? {} : { body: body.replaceAll("UP", upstream) }),
        });
        const type = response.headers.get("content-type") ?? "";
        answers.push(plain(`${method} ${path} ${body ?? ""} → ${response.status} ${type} ${await response.text()}`));
      }
      return answers;
    };
    for (const name of ["a", "b", "p", "q"])
      for (const url of [toxiproxyUrl, ours.url]) await fetch(`${url}/proxies/${name}`, { method: "DELETE" });
    expect(await ask(ours.url)).toEqual(await ask(toxiproxyUrl));
  });
});
