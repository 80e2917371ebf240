import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { RefusedDelivery } from "./delivery.ts";
import type { TlsSettings } from "./http-post.ts";

export interface GrpcTarget {
  /** `http://host:port` without TLS, `https://host:port` with. */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
  readonly timeoutMs?: number;
}

const METHOD = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/** gRPC codes that OTLP lets a sender repeat (opentelemetry.io/docs/specs/otlp, "Failures"). */
const RETRYABLE = new Set([1, 4, 8, 10, 11, 14, 15]);

/** OTLP metrics over gRPC: one unary call for each body, over one kept HTTP/2 connection. */
export function grpcExporter({ origin, headers, tls, timeoutMs = 10_000 }: GrpcTarget) {
  let session: ClientHttp2Session | undefined;
  const opened = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    session = connect(origin, {
      rejectUnauthorized: !tls.insecureSkipVerify,
      ...(tls.certificate === undefined ? {} : { cert: readFileSync(tls.certificate) }),
      ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
      ...(tls.authority === undefined ? {} : { ca: readFileSync(tls.authority) }),
    });
    // The calls that are under way get the same error; without a listener it would end the program.
    session.on("error", () => session?.destroy());
    session.unref();
    return session;
  };
  return {
    send: (body: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        const stream = opened().request({
          ":method": "POST",
          ":path": METHOD,
          "content-type": "application/grpc+proto",
          te: "trailers",
          ...headers,
        });
        let status: string | undefined;
        let message = "";
        const read = (from: Record<string, unknown>): void => {
          if (typeof from["grpc-status"] === "string") status = from["grpc-status"];
          if (typeof from["grpc-message"] === "string") message = from["grpc-message"];
        };
        stream.setTimeout(timeoutMs, () =>
          stream.destroy(new Error(`${origin} did not answer within ${timeoutMs} ms`)),
        );
        stream.on("response", read);
        stream.on("trailers", read);
        stream.on("error", reject);
        stream.on("close", () => {
          if (status === "0") resolve();
          else {
            const said = `${origin} answered gRPC status ${status ?? "none"}${message === "" ? "" : `: ${message}`}`;
            const lasting = status !== undefined && !RETRYABLE.has(Number(status));
            reject(lasting ? new RefusedDelivery(said) : new Error(said));
          }
        });
        stream.resume();
        const head = Buffer.alloc(5);
        head.writeUInt32BE(body.length, 1);
        stream.end(Buffer.concat([head, body]));
      }),
    close: (): void => session?.close(),
  };
}
