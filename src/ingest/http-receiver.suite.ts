/** A receiver on a real socket, and clients that say exactly what a test wants, for the tests of the receivers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, type AccessOptions, openAccess } from "#access/access.ts";
import { systemClock } from "#runtime/clock.ts";
import { ADMISSION_DEFAULTS, Admission, type AdmissionOptions } from "./admission.ts";
import { LimitCounts } from "./admission-counts.ts";
import type { BodyLimits } from "./http-body.ts";
import { type HttpServer, type HttpServerOptions, openHttpServer } from "./http-server.ts";
import { createOtlpHttpHandler } from "./otlp-http.ts";
import { QUOTA_DEFAULTS, type QuotaOptions, Quotas } from "./quota.ts";
import { createRecordingIngest, type RecordingIngest } from "./recording-ingest.ts";

export interface ReceiverOptions {
  readonly access?: Partial<AccessOptions>;
  readonly admission?: Partial<AdmissionOptions>;
  readonly quotas?: Partial<QuotaOptions>;
  readonly body?: Partial<BodyLimits>;
  readonly server?: Partial<HttpServerOptions>;
  readonly prefix?: string;
}

export interface TestReceiver extends AsyncDisposable {
  readonly ingest: RecordingIngest;
  readonly access: Access;
  readonly admission: Admission;
  readonly counts: LimitCounts;
  readonly server: HttpServer;
  readonly errors: unknown[];
  readonly url: string;
}

export async function openHttpReceiver(options: ReceiverOptions = {}): Promise<TestReceiver> {
  const ingest = createRecordingIngest();
  const counts = new LimitCounts();
  const access = openAccess({ listen: ["127.0.0.1"], ...options.access });
  const admission = new Admission({ ...ADMISSION_DEFAULTS, ...options.admission }, systemClock, counts);
  const quotas = new Quotas({ ...QUOTA_DEFAULTS, ...options.quotas }, systemClock, counts);
  const errors: unknown[] = [];
  const handler = createOtlpHttpHandler({
    ingest,
    admission,
    quotas,
    access,
    counts,
    clock: systemClock,
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
    onError: (error) => errors.push(error),
  });
  const server = await openHttpServer(
    handler,
    { host: "127.0.0.1", port: 0, flag: "--otlp-http", makeRoom: () => admission.evictSlow(), ...options.server },
    counts,
  );
  return {
    ingest,
    access,
    admission,
    counts,
    server,
    errors,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

/** A connection that sends bytes as told and collects all that comes back. */
export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** Resolves once what was received contains the text. */
  received(text: string): Promise<string>;
  /** Resolves with all that was received once the connection is closed, however it was closed. */
  closed(): Promise<string>;
}

export async function openRawConnection(port: number): Promise<RawConnection> {
  let text = "";
  let isClosed = false;
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
    tell();
  });
  socket.on("error", tell);
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    isClosed = true;
    tell();
  });
  const until = (holds: () => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        if (!holds() && !isClosed) return;
        watchers.delete(watcher);
        if (holds()) resolve(text);
        else reject(new Error(`the connection closed after ${JSON.stringify(text)}`));
      };
      watchers.add(watcher);
      watcher();
    });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return {
    socket,
    send: (bytes) => {
      if (!socket.destroyed) socket.write(bytes);
    },
    received: (wanted) => until(() => text.includes(wanted)),
    closed: () => until(() => isClosed),
  };
}

/** A token file, there until the process ends. */
export function writeTokens(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "traceo-tokens-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const path = join(folder, "tokens");
  writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  return path;
}

export const PROTOBUF = { "content-type": "application/x-protobuf" } as const;
export const JSON_TYPE = { "content-type": "application/json" } as const;

/** What `fetch` cannot send (Host, Expect, Origin as is): one request head, without its body. */
export function requestHead(method: string, path: string, headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}
