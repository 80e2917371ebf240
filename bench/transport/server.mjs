// The servers that bench/transport.mjs measures, each in a process of its own so that its CPU time is its alone.
// argv: which server. Tells its port by message, and its CPU time whenever it is asked.
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { openAccess } from "../../dist/access/access.js";
import { ADMISSION_DEFAULTS, Admission } from "../../dist/ingest/admission.js";
import { LimitCounts } from "../../dist/ingest/admission-counts.js";
import { openGrpcServer } from "../../dist/ingest/grpc-server.js";
import { openHttpServer } from "../../dist/ingest/http-server.js";
import { createOtlpGrpcHandler } from "../../dist/ingest/otlp-grpc.js";
import { createOtlpHttpHandler } from "../../dist/ingest/otlp-http.js";
import { QUOTA_DEFAULTS, Quotas } from "../../dist/ingest/quota.js";
import { systemClock } from "../../dist/runtime/clock.js";

const WINDOW = 16 << 20;
let accepted = 0;

function receiverParts() {
  const counts = new LimitCounts();
  return {
    ingest: {
      accept: async ({ body }) => {
        accepted += body.length;
        return { accepted: 1, rejected: 0, rejections: [] };
      },
    },
    admission: new Admission(ADMISSION_DEFAULTS, systemClock, counts),
    quotas: new Quotas(QUOTA_DEFAULTS, systemClock, counts),
    access: openAccess({ listen: ["127.0.0.1"] }),
    counts,
    clock: systemClock,
  };
}

const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
const collect = (stream, done) => {
  const pieces = [];
  stream.on("data", (piece) => pieces.push(piece));
  stream.on("end", () => {
    accepted += Buffer.concat(pieces).length;
    done();
  });
};

const servers = {
  "http-bare": () =>
    listening(
      createHttp((request, response) =>
        collect(request, () => {
          response.writeHead(200, { "content-type": "application/x-protobuf", "content-length": 0 });
          response.end();
        }),
      ),
    ),
  "http-traceo": async () => {
    const parts = receiverParts();
    const server = await openHttpServer(
      createOtlpHttpHandler(parts),
      { host: "127.0.0.1", port: 0, flag: "--otlp-http" },
      parts.counts,
    );
    return server.port;
  },
  "http2-bare": () => {
    const server = createHttp2({ settings: { initialWindowSize: WINDOW } });
    server.on("session", (session) => session.setLocalWindowSize(WINDOW));
    server.on("stream", (stream) =>
      collect(stream, () => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.alloc(5));
      }),
    );
    return listening(server);
  },
  "grpc-traceo": async () => {
    const parts = receiverParts();
    const server = await openGrpcServer(
      createOtlpGrpcHandler(parts),
      { host: "127.0.0.1", port: 0, flag: "--otlp-grpc", clock: systemClock },
      parts.counts,
    );
    return server.port;
  },
};

const port = await servers[process.argv[2]]();
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicros: user + system, accepted, residentBytes: process.memoryUsage.rss() });
});
process.on("disconnect", () => process.exit());
process.send({ port });
