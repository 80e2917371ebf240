import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { runScript } from "./module-run.suite.ts";
import { websocketsModule } from "./websockets.ts";

let server: WebSocketServer;
let url: string;
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat?x=1`;
  server.on("connection", (connection, request) => {
    connection.send(`hello ${request.headers["x-who"] ?? ""}`);
    connection.on("message", (data, isBinary) => connection.send(data, { binary: isBinary }));
  });
});
afterEach(() => {
  for (const connection of server.clients) connection.terminate();
  server.close();
});

const run = (body: string, users = 1) =>
  runScript(
    `import { WebSocket } from "k6/websockets";
     export default function () { const URL = ${JSON.stringify(url)}; ${body} }`,
    [websocketsModule],
    { users },
  );

describe("k6/websockets", () => {
  it("opens, sends, receives and closes in the user's event loop, which ends the iteration", async () => {
    const { logged, samples } = await run(
      `const socket = new WebSocket(URL, null, { headers: { "X-Who": "me" }, tags: { kind: "test" } });
       socket.binaryType = "arraybuffer";
       log(socket.readyState === WebSocket.CONNECTING);
       socket.onopen = () => { log("open " + socket.readyState); socket.send("text"); socket.send(new Uint8Array([1, 2]).buffer); };
       socket.addEventListener("message", (event) => {
         if (typeof event.data === "string") log(event.data);
         else { log([...new Uint8Array(event.data)]); socket.close(1000, "done"); }
       });
       socket.onclose = (event) => log("closed " + event.code);
       log("end of function");`,
    );
    expect(logged).toEqual([true, "end of function", "open 1", "hello me", "text", [1, 2], "closed 1000"]);
    const count = (metric: string): number => samples.filter((sample) => sample.metric === metric).length;
    expect([
      count("ws_sessions"),
      count("ws_msgs_sent"),
      count("ws_msgs_received"),
      count("ws_session_duration"),
    ]).toEqual([1, 2, 3, 1]);
    expect(samples.find(({ metric }) => metric === "ws_sessions")!.tags).toMatchObject({
      kind: "test",
      status: "101",
      url,
      name: url,
    });
  });

  it("answers pings, and measures its own", async () => {
    const { logged, samples } = await run(
      `const socket = new WebSocket(URL);
       socket.onopen = () => socket.ping();
       socket.onpong = () => { log("pong"); socket.close(); };`,
    );
    expect(logged).toEqual(["pong"]);
    expect(samples.filter(({ metric }) => metric === "ws_ping")).toHaveLength(1);
  });

  it("serves many users at once, each its own", async () => {
    const { logged } = await run(
      `const socket = new WebSocket(URL);
       socket.onmessage = (event) => {
         if (event.data.startsWith("hello")) socket.send("x");
         else { log(event.data); socket.close(); }
       };`,
      20,
    );
    expect(logged).toEqual(Array(20).fill("x"));
  });

  it("tells what goes wrong", async () => {
    server.close();
    for (const connection of server.clients) connection.terminate();
    const { logged } = await runScript(
      `import { WebSocket } from "k6/websockets";
       export default function () {
         const socket = new WebSocket("ws://127.0.0.1:1/");
         socket.onerror = (event) => log(event.type + " " + event.error);
         socket.onclose = () => log("closed");
       }`,
      [websocketsModule],
    );
    expect(logged[0]).toMatch(/^error .*ECONNREFUSED/);
    expect(logged[1]).toBe("closed");
    await expect(run(`new WebSocket("ftp://x")`)).rejects.toThrow("begins with ws:// or wss://, not ftp://");
    await expect(run(`new WebSocket(URL).send("early")`)).rejects.toThrow("is not open");
    await expect(run(`new WebSocket(URL).addEventListener("data", () => {})`)).rejects.toThrow("unknown event data");
  });

  it("ends the iteration, and the connection, when a handler throws", async () => {
    await expect(
      run(`const socket = new WebSocket(URL); socket.onmessage = () => { throw new Error("boom"); };`),
    ).rejects.toThrow("boom");
    await expect.poll(() => server.clients.size).toBe(0);
  });
});
