/** Sends OTLP/JSON as the protocol says it; times default to now. */
export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly durationMs?: number;
  readonly error?: boolean;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface SentLog {
  readonly body: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface Target {
  readonly otlpHttp: string;
}

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** Any JSON value as an OTLP AnyValue. */
export function anyValue(value: unknown): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: attributesOf(value as Record<string, unknown>) } };
}

export function attributesOf(values: Readonly<Record<string, unknown>>): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

export async function sendSpans(
  target: Target,
  service: string,
  spans: readonly SentSpan[],
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const end = now();
  return await post(`${target.otlpHttp}/v1/traces`, headers, {
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ "service.name": service }) },
        scopeSpans: [
          {
            scope: { name: "test" },
            spans: spans.map((span) => ({
              traceId: span.traceId,
              spanId: span.spanId,
              parentSpanId: span.parentSpanId ?? "",
              name: span.name,
              kind: span.kind ?? 1,
              startTimeUnixNano: String(end - BigInt(Math.round((span.durationMs ?? 1) * 1e6))),
              endTimeUnixNano: String(end),
              status: { code: span.error === true ? 2 : 0 },
              attributes: attributesOf(span.attributes ?? {}),
            })),
          },
        ],
      },
    ],
  });
}

export async function sendLogs(
  target: Target,
  service: string,
  logs: readonly SentLog[],
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await post(`${target.otlpHttp}/v1/logs`, headers, {
    resourceLogs: [
      {
        resource: { attributes: attributesOf({ "service.name": service }) },
        scopeLogs: [
          {
            scope: { name: "test" },
            logRecords: logs.map((log) => ({
              timeUnixNano: String(now()),
              severityNumber: log.severityNumber ?? 9,
              severityText: log.severityText ?? "INFO",
              body: { stringValue: log.body },
              traceId: log.traceId ?? "",
              spanId: log.spanId ?? "",
              attributes: attributesOf(log.attributes ?? {}),
            })),
          },
        ],
      },
    ],
  });
}

export async function sendGauge(
  target: Target,
  service: string,
  name: string,
  points: readonly { value: number; attributes?: Readonly<Record<string, unknown>> }[],
): Promise<Response> {
  return await post(
    `${target.otlpHttp}/v1/metrics`,
    {},
    {
      resourceMetrics: [
        {
          resource: { attributes: attributesOf({ "service.name": service }) },
          scopeMetrics: [
            {
              scope: { name: "test" },
              metrics: [
                {
                  name,
                  unit: "1",
                  gauge: {
                    dataPoints: points.map(({ value, attributes }) => ({
                      timeUnixNano: String(now()),
                      asDouble: value,
                      attributes: attributesOf(attributes ?? {}),
                    })),
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  );
}

async function post(url: string, headers: Readonly<Record<string, string>>, body: object): Promise<Response> {
  return await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** A hex id of `bytes` bytes that differs for each seed. */
export function hexId(seed: number, bytes: number): string {
  return (BigInt(seed) * 0x9e3779b97f4a7c15n + 1n)
    .toString(16)
    .padStart(bytes * 2, "a")
    .slice(-bytes * 2);
}
