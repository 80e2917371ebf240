import { anyValue, attributesOf, hexId, type Target } from "./send.ts";

/**
 * Telemetry of a small shop with times, ids and values that depend on nothing but `endMs`: what the browser tests look at.
 * Forty traces over ten minutes; from the seventh minute on, payments fails for one card network.
 */
export interface Scene {
  readonly startMs: number;
  readonly endMs: number;
  readonly services: readonly string[];
  /** A trace that failed, the span in it that says why, and the words it says. */
  readonly failedTrace: string;
  readonly failedSpan: string;
  readonly reason: string;
  readonly spans: number;
  readonly logs: number;
}

export interface ScenePart {
  readonly service: string;
  readonly spans?: readonly object[];
  readonly logs?: readonly object[];
  readonly metrics?: readonly object[];
}

const TRACES = 40;
const SPAN_MS = 600_000;
const REASON = "card network did not answer within 2 s";
const nano = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n);

export interface SpanParts {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly status?: { readonly code: number; readonly message?: string };
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly events?: readonly object[];
}

/** One OTLP span. */
export function spanOf(parts: SpanParts): object {
  return {
    traceId: parts.traceId,
    spanId: parts.spanId,
    parentSpanId: parts.parentSpanId ?? "",
    name: parts.name,
    kind: parts.kind ?? 1,
    startTimeUnixNano: nano(parts.startMs),
    endTimeUnixNano: nano(parts.startMs + parts.durationMs),
    status: parts.status ?? {},
    attributes: attributesOf(parts.attributes ?? {}),
    events: parts.events ?? [],
  };
}

export interface LogParts {
  readonly timeMs: number;
  readonly body: unknown;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** One OTLP log record. */
export function logOf(parts: LogParts): object {
  return {
    timeUnixNano: nano(parts.timeMs),
    observedTimeUnixNano: nano(parts.timeMs),
    severityNumber: parts.severityNumber ?? 9,
    severityText: parts.severityText ?? "INFO",
    body: anyValue(parts.body),
    traceId: parts.traceId ?? "",
    spanId: parts.spanId ?? "",
    attributes: attributesOf(parts.attributes ?? {}),
  };
}

/** One OTLP gauge with a point at each time. */
export function gaugeOf(name: string, unit: string, points: readonly (readonly [ms: number, value: number])[]): object {
  return {
    name,
    unit,
    description: `${name} of the shop`,
    gauge: { dataPoints: points.map(([ms, value]) => ({ timeUnixNano: nano(ms), asDouble: value })) },
  };
}

/** Sends parts of any signal; throws unless everything was taken. */
export async function sendParts(target: Target, parts: readonly ScenePart[]): Promise<void> {
  const resource = (service: string): object => ({
    attributes: attributesOf({ "service.name": service, "service.version": "1.4.2", "host.name": `${service}-0` }),
  });
  const scope = { name: "shop", version: "1.0.0" };
  const send = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(`${target.otlpHttp}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status !== 200 || /rejected/.test(text)) throw new Error(`${path}: ${answer.status} ${text}`);
  };
  const spans = parts.filter((part) => part.spans !== undefined);
  const logs = parts.filter((part) => part.logs !== undefined);
  const metrics = parts.filter((part) => part.metrics !== undefined);
  if (spans.length > 0)
    await send("/v1/traces", {
      resourceSpans: spans.map((part) => ({
        resource: resource(part.service),
        scopeSpans: [{ scope, spans: part.spans }],
      })),
    });
  if (logs.length > 0)
    await send("/v1/logs", {
      resourceLogs: logs.map((part) => ({
        resource: resource(part.service),
        scopeLogs: [{ scope, logRecords: part.logs }],
      })),
    });
  if (metrics.length > 0)
    await send("/v1/metrics", {
      resourceMetrics: metrics.map((part) => ({
        resource: resource(part.service),
        scopeMetrics: [{ scope, metrics: part.metrics }],
      })),
    });
}

/** The shop's telemetry, and what the tests may expect of it. */
export function buildScene(endMs: number): { readonly scene: Scene; readonly parts: readonly ScenePart[] } {
  const startMs = endMs - SPAN_MS;
  const services = ["gateway", "checkout", "payments", "inventory", "catalogue"];
  const spans: Record<string, object[]> = Object.fromEntries(services.map((service) => [service, []]));
  const logs: Record<string, object[]> = Object.fromEntries(services.map((service) => [service, []]));
  let failedTrace = "";
  let failedSpan = "";
  for (let i = 0; i < TRACES; i++) {
    const traceId = hexId(1000 + i, 16);
    const span = (n: number): string => hexId(100_000 + i * 100 + n, 8);
    const at = startMs + (i + 0.5) * (SPAN_MS / TRACES);
    const network = ["visa", "amex", "maestro"][i % 3]!;
    const failed = i >= 28 && network === "amex";
    const slow = failed ? 2000 : 20 + ((i * 37) % 60);
    const total = slow + 60 + ((i * 13) % 40);
    const route = i % 4 === 0 && !(i >= 28 && i % 3 === 1) ? "/products/:id" : "/checkout";
    spans["gateway"]!.push(
      spanOf({
        traceId,
        spanId: span(1),
        name: `${route === "/checkout" ? "POST" : "GET"} ${route}`,
        kind: 2,
        startMs: at,
        durationMs: total,
        ...(failed ? { status: { code: 2 } } : {}),
        attributes: { "http.route": route, "http.response.status_code": failed ? 502 : 200, "client.region": "eu" },
      }),
    );
    // A call is a client span at the caller and a server span at the callee.
    const call = (from: string, n: number, parent: number, name: string, startMs: number, durationMs: number): void => {
      spans[from]!.push(
        spanOf({ traceId, spanId: span(n), parentSpanId: span(parent), name, kind: 3, startMs, durationMs }),
      );
    };
    if (route !== "/checkout") {
      call("gateway", 5, 1, "GET catalogue", at + 3, total - 8);
      spans["catalogue"]!.push(
        spanOf({
          traceId,
          spanId: span(2),
          parentSpanId: span(5),
          name: "find product",
          kind: 2,
          startMs: at + 4,
          durationMs: total - 10,
          attributes: { "product.id": 700 + i },
        }),
        ...[0, 1, 2, 3, 4, 5].map((n) =>
          spanOf({
            traceId,
            spanId: span(10 + n),
            parentSpanId: span(2),
            name: "SELECT shop.products",
            kind: 3,
            startMs: at + 8 + n * 6,
            durationMs: 4 + n / 4,
            attributes: { "db.system.name": "postgresql", "db.query.text": "SELECT * FROM products WHERE id = $1" },
          }),
        ),
      );
      logs["catalogue"]!.push(
        logOf({
          timeMs: at + 20,
          body: `product ${700 + i} found in cache`,
          traceId,
          spanId: span(2),
          severityNumber: 5,
          severityText: "DEBUG",
        }),
      );
      continue;
    }
    call("gateway", 5, 1, "POST checkout", at + 2, total - 4);
    call("checkout", 6, 2, "POST inventory", at + 5, 20 + (i % 9));
    call("checkout", 7, 2, "POST payments", at + 35, slow + 2);
    spans["checkout"]!.push(
      spanOf({
        traceId,
        spanId: span(2),
        parentSpanId: span(5),
        name: "place order",
        kind: 2,
        startMs: at + 3,
        durationMs: total - 6,
        ...(failed ? { status: { code: 2, message: "payment failed" } } : {}),
        attributes: { "order.items": 1 + (i % 5), "order.total": 19.5 + i },
      }),
    );
    spans["inventory"]!.push(
      spanOf({
        traceId,
        spanId: span(3),
        parentSpanId: span(6),
        name: "reserve",
        kind: 2,
        startMs: at + 6,
        durationMs: 18 + (i % 9),
        attributes: { "warehouse.id": `w-${i % 3}` },
      }),
    );
    spans["payments"]!.push(
      spanOf({
        traceId,
        spanId: span(4),
        parentSpanId: span(7),
        name: "charge card",
        kind: 2,
        startMs: at + 36,
        durationMs: slow,
        ...(failed ? { status: { code: 2, message: REASON } } : {}),
        attributes: { "card.network": network, "payment.amount": 19.5 + i },
        events: failed
          ? [
              {
                timeUnixNano: nano(at + 36 + slow - 1),
                name: "exception",
                attributes: attributesOf({
                  "exception.type": "TimeoutError",
                  "exception.message": REASON,
                  "exception.stacktrace": `TimeoutError: ${REASON}\n    at charge (payments.js:88:11)\n    at handle (server.js:41:5)`,
                }),
              },
            ]
          : [],
      }),
    );
    logs["checkout"]!.push(
      logOf({
        timeMs: at + 5,
        body: `order of ${1 + (i % 5)} items received`,
        traceId,
        spanId: span(2),
        attributes: { "order.items": 1 + (i % 5) },
      }),
    );
    if (failed) {
      failedTrace = traceId;
      failedSpan = span(4);
      logs["payments"]!.push(
        logOf({
          timeMs: at + 36 + slow,
          body: `charge failed: ${REASON}`,
          traceId,
          spanId: span(4),
          severityNumber: 17,
          severityText: "ERROR",
          attributes: { "card.network": network, attempt: 3 },
        }),
        logOf({
          timeMs: at + 30 + slow / 2,
          body: "retrying charge, attempt 2 of 3",
          traceId,
          spanId: span(4),
          severityNumber: 13,
          severityText: "WARN",
        }),
      );
    } else
      logs["payments"]!.push(
        logOf({ timeMs: at + 40, body: `charged ${(19.5 + i).toFixed(2)} EUR`, traceId, spanId: span(4) }),
      );
  }
  const every15s = Array.from({ length: 40 }, (_, i) => startMs + (i + 0.5) * 15_000);
  const parts = services.map(
    (service, s): ScenePart => ({
      service,
      spans: spans[service]!,
      ...(logs[service]!.length > 0 ? { logs: logs[service]! } : {}),
      metrics: [
        gaugeOf(
          "process.memory.usage",
          "By",
          every15s.map((ms, i) => [ms, (80 + s * 25 + (i % 7)) * 1048576]),
        ),
        gaugeOf(
          "queue.depth",
          "{item}",
          every15s.map((ms, i) => [ms, s === 2 && i > 27 ? 40 + i : 2 + ((i * s) % 5)]),
        ),
      ],
    }),
  );
  const count = (record: Record<string, object[]>): number =>
    Object.values(record).reduce((sum, list) => sum + list.length, 0);
  return {
    scene: {
      startMs,
      endMs,
      services,
      failedTrace,
      failedSpan,
      reason: REASON,
      spans: count(spans),
      logs: count(logs),
    },
    parts,
  };
}
