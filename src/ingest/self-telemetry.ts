import { monitorEventLoopDelay } from "node:perf_hooks";
import { SIGNALS } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import type { Log, LogEvent } from "#runtime/log.ts";
import type { Ingest } from "./ingest.ts";

/**
 * The program watches itself: its counters and its log lines go through its own ingest as service `traceo`. Bounded (one body of
 * metrics and at most EVENTS lines an interval) and never recursive: what this does is not logged.
 */
export interface SelfTelemetryOptions {
  readonly ingest: Pick<Ingest, "accept" | "ledger">;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
  readonly version: string;
  /** Further gauges, read at each interval: name → value and unit. */
  readonly gauges: () => readonly Gauge[];
}

export interface Gauge {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

interface NumberPoint {
  readonly attributes: readonly unknown[];
  readonly startTimeUnixNano?: string;
  readonly timeUnixNano: string;
  readonly asDouble: number;
}

const EVENTS = 1000;
const SEVERITY: Readonly<Record<LogEvent["level"], number>> = { info: 9, warn: 13, error: 17 };

/** Starts sending; dispose to stop (the last interval is sent). */
export function startSelfTelemetry(options: SelfTelemetryOptions): AsyncDisposable {
  const { ingest, clock, log } = options;
  const startUnixNano = String(clock.nowUnixNano());
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();
  let events: LogEvent[] = [];
  let failures = 0;
  const unsubscribe = log.subscribe((event) => {
    if (events.length < EVENTS) events.push(event);
  });
  const resource = {
    attributes: [
      attribute("service.name", "traceo"),
      attribute("service.version", options.version),
      attribute("service.instance.id", String(process.pid)),
    ],
  };
  const scope = { name: "traceo", version: options.version };

  const send = async (): Promise<void> => {
    const timeUnixNano = String(clock.nowUnixNano());
    const batch = events;
    events = [];
    const metrics = { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: collect(timeUnixNano) }] }] };
    await accept("metrics", metrics);
    if (batch.length > 0)
      await accept("logs", { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: batch.map(logRecord) }] }] });
  };

  const accept = async (signal: "metrics" | "logs", body: unknown): Promise<void> => {
    try {
      await ingest.accept({
        signal,
        tenant: "default",
        contentType: "json",
        contentEncoding: "identity",
        body: new TextEncoder().encode(JSON.stringify(body)),
        receivedUnixNano: clock.nowUnixNano(),
      });
    } catch {
      // Ingest is full or closing: its own figures are the first thing to go, and the next interval says how often.
      failures++;
    }
  };

  const collect = (timeUnixNano: string): unknown[] => {
    const ledger = ingest.ledger();
    const sum = (
      name: string,
      unit: string,
      points: readonly { value: number; attributes: readonly unknown[] }[],
    ): unknown => ({
      name,
      unit,
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: points.map(
          ({ value, attributes }): NumberPoint => ({
            attributes,
            startTimeUnixNano: startUnixNano,
            timeUnixNano,
            asDouble: value,
          }),
        ),
      },
    });
    const gauge = (
      name: string,
      unit: string,
      points: readonly { value: number; attributes: readonly unknown[] }[],
    ): unknown => ({
      name,
      unit,
      gauge: {
        dataPoints: points.map(({ value, attributes }): NumberPoint => ({ attributes, timeUnixNano, asDouble: value })),
      },
    });
    const cpu = process.cpuUsage();
    const loopP99 = loop.percentile(99) / 1e9;
    loop.reset();
    return [
      sum(
        "traceo.records",
        "{record}",
        SIGNALS.flatMap((signal) =>
          (["received", "stored", "rejected", "dropped"] as const).map((state) => ({
            value: ledger[signal][state],
            attributes: [attribute("signal", signal), attribute("state", state)],
          })),
        ),
      ),
      gauge(
        "traceo.records.pending",
        "{record}",
        SIGNALS.map((signal) => ({ value: ledger[signal].pending, attributes: [attribute("signal", signal)] })),
      ),
      gauge(
        "traceo.records.missing",
        "{record}",
        SIGNALS.map((signal) => ({ value: ledger[signal].missing, attributes: [attribute("signal", signal)] })),
      ),
      sum(
        "traceo.requests.refused",
        "{request}",
        SIGNALS.map((signal) => ({ value: ledger[signal].refusedRequests, attributes: [attribute("signal", signal)] })),
      ),
      sum("traceo.telemetry.failures", "{body}", [{ value: failures, attributes: [] }]),
      sum("process.cpu.time", "s", [
        { value: cpu.user / 1e6, attributes: [attribute("cpu.mode", "user")] },
        { value: cpu.system / 1e6, attributes: [attribute("cpu.mode", "system")] },
      ]),
      gauge("process.memory.usage", "By", [{ value: process.memoryUsage.rss(), attributes: [] }]),
      gauge("nodejs.eventloop.delay.p99", "s", [{ value: Number.isFinite(loopP99) ? loopP99 : 0, attributes: [] }]),
      ...options.gauges().map(({ name, unit, value }) => gauge(name, unit, [{ value, attributes: [] }])),
    ];
  };

  const timer = setInterval(() => void send(), options.intervalMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      unsubscribe();
      loop.disable();
      await send();
    },
  };
}

function logRecord(event: LogEvent): unknown {
  return {
    timeUnixNano: String(BigInt(event.timeMs) * 1_000_000n),
    severityNumber: SEVERITY[event.level],
    severityText: event.level.toUpperCase(),
    body: { stringValue: event.message },
    attributes: Object.entries(event.fields).map(([key, value]) => attribute(key, value)),
  };
}

function attribute(key: string, value: string | number | boolean): unknown {
  if (typeof value === "string") return { key, value: { stringValue: value } };
  if (typeof value === "boolean") return { key, value: { boolValue: value } };
  return { key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}
