import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { blocking } from "#script/blocking.ts";
import { runScript } from "./module-run.suite.ts";
import { wsModule } from "./ws.ts";

const nap = blocking(
  {
    name: "test.nap",
    begin: (_user, value: number) => value,
    perform: (value: number) => new Promise<number>((resolve) => setImmediate(() => resolve(value))),
    finish: (_user, value: number) => value,
  },
  import.meta.url,
);

let web: Server;
let server: WebSocketServer;
let url: string;
beforeEach(async () => {
  web = createServer((_request, response) => response.writeHead(403).end("not for you"));
  server = new WebSocketServer({ noServer: true });
  web.on("upgrade", (request, socket, head) => {
    if (request.url === "/secret") {
      socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\nX-Why: no-token\r\n\r\ndenied");
      return;
    }
    server.handleUpgrade(request, socket, head, (connection) => {
      connection.on("message", (data, isBinary) => connection.send(data, { binary: isBinary }));
    });
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  url = `ws://127.0.0.1:${(web.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const connection of server.clients) connection.terminate();
  web.close();
  web.closeAllConnections();
});

const run = (body: string, users = 1) =>
  runScript(
    `import ws from "k6/ws";
     export default function () { const URL = ${JSON.stringify(url)}; ${body} }`,
    [{ ...wsModule }],
    { users, globals: { nap } },
  );

describe("k6/ws", () => {
  it("blocks until the session is over; handlers may block meanwhile", async () => {
    const { logged, answers, samples, reallyBlocked } = await run(
      `const response = ws.connect(URL, { tags: { kind: "test" } }, function (socket) {
         socket.on("open", () => { log("open"); socket.send("a"); socket.sendBinary(new Uint8Array([7]).buffer); });
         socket.on("message", (text) => { log("napped " + nap(1) + " " + text); });
         socket.on("binaryMessage", (bytes) => { log(new Uint8Array(bytes)[0]); socket.ping(); });
         socket.on("pong", () => { log("pong"); socket.setTimeout(() => { log("timer"); socket.close(); }, 1); });
         socket.on("close", (code) => log("close " + code));
       });
       log("after");
       return [response.status, response.error, response.headers.Upgrade];`,
    );
    expect(logged).toEqual(["open", "napped 1 a", 7, "pong", "timer", "close 1000", "after"]);
    expect(answers).toEqual([[101, "", "websocket"]]);
    expect(reallyBlocked).toBe(0);
    const of = (metric: string) => samples.filter((sample) => sample.metric === metric);
    expect(
      ["ws_sessions", "ws_msgs_sent", "ws_msgs_received", "ws_ping", "ws_connecting"].map((name) => of(name).length),
    ).toEqual([1, 2, 2, 1, 1]);
    expect(of("ws_session_duration")[0]!.tags).toMatchObject({ kind: "test", status: "101" });
  });

  it("repeats an interval, for many users at once", async () => {
    const { answers } = await run(
      `let ticks = 0;
       ws.connect(URL, (socket) => { socket.setInterval(() => { if (++ticks === 3) socket.close(); }, 1); });
       return ticks;`,
      10,
    );
    expect(answers).toEqual(Array(10).fill(3));
  });

  it("answers what a server said instead, and a connection that failed", async () => {
    const { answers } = await run(
      `const refused = ws.connect(URL + "/secret", () => {});
       const gone = ws.connect("ws://127.0.0.1:1", () => {});
       return [refused.status, refused.body, refused.headers["X-Why"], refused.error, gone.status, gone.error.includes("ECONNREFUSED")];`,
    );
    expect(answers).toEqual([[401, "denied", "no-token", "websocket: bad handshake", 0, true]]);
  });

  it("ends the session when a handler throws", async () => {
    await expect(
      run(`ws.connect(URL, (socket) => { socket.on("open", () => { throw new Error("boom"); }); });`),
    ).rejects.toThrow("boom");
    await expect.poll(() => server.clients.size).toBe(0);
    await expect(run(`ws.connect(URL, (socket) => socket.on("data", () => {}))`)).rejects.toThrow("unknown event data");
  });
});
