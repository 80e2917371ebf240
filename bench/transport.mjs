// CPU milliseconds a megabyte costs from the socket to Ingest.accept, over HTTP and gRPC, beside bare node servers that only
// collect the body. Each server is a process of its own; the same client sends to all of them in turn.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:http2";

const BODY = Buffer.alloc(1 << 20, 0x5a);
const REQUESTS = 300;
const ROUNDS = 5;
const AT_ONCE = 4;
const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

async function openServer(name) {
  const child = fork(new URL("./transport/server.mjs", import.meta.url), [name]);
  const [{ port }] = await once(child, "message");
  const ask = async () => {
    const answer = once(child, "message");
    child.send("usage");
    return (await answer)[0];
  };
  return { name, port, ask, close: () => child.disconnect() };
}

function httpSender(port) {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const send = (chunked) =>
    new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/x-protobuf",
        ...(chunked ? { "transfer-encoding": "chunked" } : { "content-length": BODY.length }),
      };
      const sent = request(
        { port, host: "127.0.0.1", method: "POST", path: "/v1/traces", agent, headers },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
          response.resume();
          response.on("end", resolve);
        },
      );
      sent.on("error", reject);
      if (!chunked) {
        sent.end(BODY);
        return;
      }
      for (let at = 0; at < BODY.length; at += 65_536) sent.write(BODY.subarray(at, at + 65_536));
      sent.end();
    });
  return { send, close: () => agent.destroy() };
}

function grpcSender(port) {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(BODY.length, 1);
  const message = Buffer.concat([prefix, BODY]);
  const sessions = Array.from({ length: 2 }, () => connect(`http://127.0.0.1:${port}`));
  let turn = 0;
  const send = () =>
    new Promise((resolve, reject) => {
      const stream = sessions[turn++ % sessions.length].request({
        ":method": "POST",
        ":path": EXPORT,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let status;
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("error", reject);
      stream.on("close", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${status}`))));
      stream.resume();
      stream.end(message);
    });
  return {
    send,
    close: () => {
      for (const session of sessions) session.close();
    },
  };
}

/** CPU milliseconds of the server for one body. */
async function measure(server, send) {
  const before = await server.ask();
  let left = REQUESTS;
  const one = async () => {
    while (left-- > 0) await send();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  const after = await server.ask();
  if (after.accepted - before.accepted < REQUESTS * BODY.length) throw new Error(`${server.name} lost bytes`);
  return { cpuMs: (after.cpuMicros - before.cpuMicros) / 1000 / REQUESTS, residentBytes: after.residentBytes };
}

export async function run(print) {
  const variants = [
    { figure: "http bare node", server: "http-bare", sender: httpSender },
    { figure: "http", server: "http-traceo", sender: httpSender },
    { figure: "http chunked, bare node", server: "http-bare", sender: httpSender, chunked: true },
    { figure: "http chunked", server: "http-traceo", sender: httpSender, chunked: true },
    { figure: "http2 bare node", server: "http2-bare", sender: grpcSender },
    { figure: "grpc", server: "grpc-traceo", sender: grpcSender },
  ];
  const open = [];
  for (const variant of variants) {
    const server = await openServer(variant.server);
    const sender = variant.sender(server.port);
    const send = () => sender.send(variant.chunked === true);
    open.push({ ...variant, server, sender, send, best: Number.POSITIVE_INFINITY, residentBytes: 0 });
  }
  for (const { server, send } of open) await measure(server, send);
  for (let round = 0; round < ROUNDS; round++)
    for (const one of open) {
      const { cpuMs, residentBytes } = await measure(one.server, one.send);
      one.best = Math.min(one.best, cpuMs);
      one.residentBytes = Math.max(one.residentBytes, residentBytes);
    }
  for (const { figure, best, residentBytes, sender, server } of open) {
    print({
      figure: `${figure}, CPU per 1 MiB body`,
      value: Number(best.toFixed(3)),
      unit: "ms",
      mebibytesPerCpuSecond: Math.round(1000 / best),
      residentMebibytes: Math.round(residentBytes / (1 << 20)),
    });
    sender.close();
    server.close();
  }
}
