import { existsSync, mkdirSync, statfsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openAccess } from "#access/access.ts";
import { createApi } from "#api/app.ts";
import type { DemoControl } from "#api/dependencies.ts";
import { nodeListener } from "#api/node-listener.ts";
import type { Settings } from "#config/settings.ts";
import { ADMISSION_DEFAULTS, Admission } from "#ingest/admission.ts";
import { LimitCounts } from "#ingest/admission-counts.ts";
import { openGrpcServer } from "#ingest/grpc-server.ts";
import { openHttpServer } from "#ingest/http-server.ts";
import { createOtlpGrpcHandler } from "#ingest/otlp-grpc.ts";
import { createOtlpHttpHandler } from "#ingest/otlp-http.ts";
import { QUOTA_DEFAULTS, type Quota, Quotas } from "#ingest/quota.ts";
import { startSelfTelemetry } from "#ingest/self-telemetry.ts";
import { systemClock } from "#runtime/clock.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import type { Log } from "#runtime/log.ts";
import { encodeStatus } from "#wire/otlp-answer.ts";
import { parseAddress } from "./address.ts";
import { administer } from "./administration.ts";
import { openStore } from "./store.ts";

export interface ProgramContext {
  readonly version: string;
  readonly log: Log;
  /** The demo shop's switch, in the demo only. */
  readonly demo?: DemoControl;
}

export interface Program extends AsyncDisposable {
  /** Address of the user interface. */
  readonly url: string;
  readonly otlpHttpUrl: string | undefined;
  /** One line for standard output: what listens where. */
  readonly readyLine: string;
  /** Stops taking requests, loads what was accepted within the deadline. False if the ledger does not add up. */
  close(): Promise<boolean>;
}

const LISTENER_CLOSE_MS = 5_000;
/** The gRPC status code of "come again later". */
const UNAVAILABLE = 14;

/**
 * The whole program as plain constructor calls: started together, stopped in reverse. Listeners come first, so that a busy port
 * fails in a second and senders meet a 503 rather than a refused connection while the engine starts.
 */
export async function startProgram(settings: Settings, context: ProgramContext): Promise<Program> {
  checkPlatform();
  const { log } = context;
  const clock = systemClock;
  const stack = new AsyncDisposableStackTwin();
  const started = clock.monotonicMs();
  try {
    const dataDir = resolve(settings.data);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const listen = parseAddress(settings.listen, "listen");
    const grpcAddress = settings.otlpGrpc === "off" ? undefined : parseAddress(settings.otlpGrpc, "otlp-grpc");
    const httpAddress = settings.otlpHttp === "off" ? undefined : parseAddress(settings.otlpHttp, "otlp-http");
    const access = openAccess({
      listen: [listen, grpcAddress, httpAddress].flatMap((address) => (address === undefined ? [] : [address.host])),
      allowedHosts: settings.access.allowedHosts,
      allowedOrigins: settings.access.allowedOrigins,
      tokenFile: settings.access.tokenFile,
      noAuth: settings.access.noAuth,
      clock,
      warn: (message) => log.warn(message),
    });

    let closing: Promise<boolean> | undefined;
    const counts = new LimitCounts();
    const admission = new Admission(
      {
        ...ADMISSION_DEFAULTS,
        maxBytes: settings.ingest.maxInFlight,
        maxConnectionBytes: Math.max(ADMISSION_DEFAULTS.maxConnectionBytes, settings.ingest.maxBody),
      },
      clock,
      counts,
    );
    const makeRoom = (): boolean => admission.evictSlow();
    let answerUi: (request: IncomingMessage, response: ServerResponse) => void = answerStarting;
    let answerOtlp: typeof answerUi = answerOtlpStarting;
    const { maxConnections } = settings.ingest;
    const ui = stack.use(
      await openHttpServer(
        (request, response) => answerUi(request, response),
        { ...listen, flag: "--listen", maxConnections, makeRoom, silenceMs: 0 },
        counts,
      ),
    );
    const otlpHttp =
      httpAddress === undefined
        ? undefined
        : stack.use(
            await openHttpServer(
              (request, response) => answerOtlp(request, response),
              { ...httpAddress, flag: "--otlp-http", maxConnections, makeRoom },
              counts,
            ),
          );

    const store = stack.use(await openStore(settings, dataDir, clock, log));
    const { engine, ingest, documents } = store;

    const quotas = new Quotas(
      {
        ...QUOTA_DEFAULTS,
        everyTenant: quotaOf(settings.ingest.quota),
        tenants: Object.fromEntries(
          Object.entries(settings.ingest.tenantQuotas).map(([tenant, quota]) => [tenant, quotaOf(quota)]),
        ),
      },
      clock,
      counts,
    );
    const onError = (error: unknown): void => log.error("request failed", { error: describeError(error) });
    const receiver = {
      ingest,
      admission,
      quotas,
      access,
      counts,
      clock,
      onError,
      body: {
        maxBodyBytes: settings.ingest.maxBody,
        bodyIdleMs: settings.ingest.bodyIdle,
        bodyMs: settings.ingest.bodyTimeout,
      },
    };
    const grpc =
      grpcAddress === undefined
        ? undefined
        : stack.use(
            await openGrpcServer(
              createOtlpGrpcHandler({ ...receiver, isServing: () => closing === undefined }),
              { ...grpcAddress, flag: "--otlp-grpc", clock, maxConnections, makeRoom },
              counts,
            ),
          );

    const url = `http://${printHost(ui.host)}:${ui.port}`;
    const otlpHttpUrl = otlpHttp === undefined ? undefined : `http://${printHost(otlpHttp.host)}:${otlpHttp.port}`;
    const otlpGrpcUrl = grpc === undefined ? undefined : `http://${printHost(grpc.host)}:${grpc.port}`;
    const webRoot = fileURLToPath(new URL("../web", import.meta.url));
    const api = createApi({
      engine,
      ingestLedger: () => ingest.ledger(),
      access,
      clock,
      documents,
      limits: () => counts.snapshot(),
      version: context.version,
      addresses: { ui: url, otlpHttp: otlpHttpUrl ?? `${url}/otlp`, otlpGrpc: otlpGrpcUrl ?? "off" },
      disk: () => diskOf(dataDir, settings, store.housekeeping.usedBytes()),
      administration: administer(store, dataDir),
      onError: (error, { id, method, path }) =>
        log.error("request failed", { requestId: id, method, path, error: describeError(error) }),
      ...(context.demo === undefined ? {} : { demo: context.demo }),
      ...(existsSync(webRoot) ? { webRoot } : {}),
    });
    const answerApi = nodeListener(api);
    const answerOwnOtlp = createOtlpHttpHandler({ ...receiver, prefix: "/otlp" });
    answerOtlp = createOtlpHttpHandler(receiver);
    answerUi = (request, response) =>
      (request.url ?? "").startsWith("/otlp/") ? answerOwnOtlp(request, response) : answerApi(request, response);

    if (settings.telemetry.self)
      stack.use(
        startSelfTelemetry({
          ingest,
          clock,
          log,
          intervalMs: settings.telemetry.interval,
          version: context.version,
          gauges: () => {
            const { residentBytes, restarts } = engine.status();
            return [
              { name: "traceo.engine.restarts", unit: "{restart}", value: restarts },
              ...(residentBytes === undefined
                ? []
                : [{ name: "traceo.engine.memory.usage", unit: "By", value: residentBytes }]),
            ];
          },
        }),
      );
    log.info("ready", { seconds: Math.round(clock.monotonicMs() - started) / 1000, data: dataDir });

    const close = (): Promise<boolean> => {
      closing ??= (async () => {
        // Senders first: what they were told is kept is then all that there is to load.
        await Promise.all([
          ui.close(LISTENER_CLOSE_MS),
          otlpHttp?.close(LISTENER_CLOSE_MS),
          grpc?.close(LISTENER_CLOSE_MS),
        ]);
        await stack[Symbol.asyncDispose]();
        return store.isClean();
      })();
      return closing;
    };
    return {
      url,
      otlpHttpUrl,
      readyLine: `traceo ready: ${url} · OTLP/HTTP ${otlpHttpUrl ?? "off"} · OTLP/gRPC ${otlpGrpcUrl ?? "off"} · data ${dataDir}`,
      close,
      [Symbol.asyncDispose]: async () => void (await close()),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** What was opened, closed in reverse. (AsyncDisposableStack itself is not in Node 20.) */
class AsyncDisposableStackTwin implements AsyncDisposable {
  readonly #opened: AsyncDisposable[] = [];

  use<Opened extends AsyncDisposable>(opened: Opened): Opened {
    this.#opened.push(opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let next = this.#opened.pop(); next !== undefined; next = this.#opened.pop())
      await next[Symbol.asyncDispose]();
  }
}

function answerStarting(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { "retry-after": "1", "content-type": "text/plain; charset=utf-8", connection: "close" });
  response.end("starting\n");
}

/** OTLP: a refusal's body is a google.rpc.Status, in the form the request came in. */
function answerOtlpStarting(request: IncomingMessage, response: ServerResponse): void {
  const isJson = (request.headers["content-type"] ?? "").startsWith("application/json");
  const body = encodeStatus(isJson ? "json" : "protobuf", UNAVAILABLE, "Traceo is starting.", 1);
  response.writeHead(503, {
    "retry-after": "1",
    "content-type": isJson ? "application/json" : "application/x-protobuf",
    "content-length": body.length,
    connection: "close",
  });
  response.end(body);
}

function quotaOf(quota: { readonly bytesPerSecond: number; readonly recordsPerSecond: number }): Quota {
  const limit = (value: number): number | undefined => (value === 0 ? undefined : value);
  return { bytesPerSecond: limit(quota.bytesPerSecond), recordsPerSecond: limit(quota.recordsPerSecond) };
}

function printHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function diskOf(
  dataDir: string,
  settings: Settings,
  usedBytes: number,
): { usedBytes: number; budgetBytes: number | null; freeBytes: number } {
  const { bavail, bsize } = statfsSync(dataDir);
  const { diskBudget } = settings.retention;
  return { usedBytes, budgetBytes: diskBudget === 0 ? null : diskBudget, freeBytes: bavail * bsize };
}

function checkPlatform(): void {
  const isKnown =
    (process.platform === "linux" || process.platform === "darwin") &&
    (process.arch === "x64" || process.arch === "arm64");
  if (!isKnown)
    throw new Failure("unsupported-platform", `Traceo does not run on ${process.platform}-${process.arch}.`);
}
