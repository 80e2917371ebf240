import type { MetricRegistry } from "./metric-registry.ts";
import { Sink } from "./sink.ts";
import { addColumn, type MergedFrame } from "./totals.ts";

/** A run over time, coarse enough for a picture. Counts are of the point's time, percentiles are of its samples, in ms. */
export interface TimelinePoint {
  readonly fromUnixMs: number;
  readonly widthMs: number;
  readonly requests: number;
  readonly failedRequests: number;
  readonly iterations: number;
  readonly droppedIterations: number;
  readonly users: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly failedChecks: number;
  /** Of `http_req_duration` (of `iteration_duration` in runs without requests); null without samples. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

const SHOWN = [
  "http_reqs",
  "http_req_failed",
  "http_req_duration",
  "iterations",
  "iteration_duration",
  "dropped_iterations",
  "vus",
  "data_received",
  "data_sent",
  "checks",
] as const;
type Shown = (typeof SHOWN)[number];

const MAX_EXACT = 1000;

/** Collects the chief metrics in at most `maxPoints` steps of equal width; the width doubles when a run outgrows them. */
export class Timeline {
  readonly #names: ReadonlyMap<number, Shown>;
  readonly #maxPoints: number;
  #startUnixMs: number | undefined;
  #widthMs: number;
  #steps: Map<Shown, Sink>[] = [];

  constructor(registry: MetricRegistry, widthMs = 1000, maxPoints = 240) {
    this.#names = new Map(SHOWN.map((name) => [registry.find(name)!.id, name]));
    this.#widthMs = widthMs;
    this.#maxPoints = maxPoints;
  }

  add(frame: MergedFrame): void {
    this.#startUnixMs ??= frame.fromUnixMs;
    let at = this.#stepOf(frame);
    while (at >= this.#maxPoints) {
      this.#coarsen();
      at = this.#stepOf(frame);
    }
    while (this.#steps.length <= at) this.#steps.push(new Map());
    const step = this.#steps[at]!;
    for (let index = 0; index < frame.series.length; index++) {
      const name = this.#names.get(frame.series.metric[index]!);
      if (name !== undefined) addColumn(sinkIn(step, name), frame.series, index);
    }
  }

  points(): readonly TimelinePoint[] {
    const anyRequests = this.#steps.some((step) => step.has("http_req_duration"));
    let users = 0;
    return this.#steps.map((step, index) => {
      const sum = (name: Shown): number => step.get(name)?.sum ?? 0;
      const duration = step.get(anyRequests ? "http_req_duration" : "iteration_duration");
      const checks = step.get("checks");
      // A gauge says nothing while it does not change hands; it is still what it was.
      users = step.get("vus")?.last ?? users;
      return {
        fromUnixMs: this.#startUnixMs! + index * this.#widthMs,
        widthMs: this.#widthMs,
        requests: sum("http_reqs"),
        failedRequests: sum("http_req_failed"),
        iterations: sum("iterations"),
        droppedIterations: sum("dropped_iterations"),
        users,
        bytesReceived: sum("data_received"),
        bytesSent: sum("data_sent"),
        failedChecks: checks === undefined ? 0 : checks.count - checks.sum,
        p50: duration?.quantile(0.5) ?? null,
        p95: duration?.quantile(0.95) ?? null,
        p99: duration?.quantile(0.99) ?? null,
        max: duration?.max ?? null,
      };
    });
  }

  #stepOf({ fromUnixMs, toUnixMs }: MergedFrame): number {
    return Math.max(0, Math.floor(((fromUnixMs + toUnixMs) / 2 - this.#startUnixMs!) / this.#widthMs));
  }

  #coarsen(): void {
    const halved: Map<Shown, Sink>[] = [];
    for (const [index, step] of this.#steps.entries()) {
      const into = halved[index >> 1] ?? new Map<Shown, Sink>();
      halved[index >> 1] = into;
      for (const [name, sink] of step) sinkIn(into, name).addAll(sink);
    }
    this.#steps = halved;
    this.#widthMs *= 2;
  }
}

function sinkIn(step: Map<Shown, Sink>, name: Shown): Sink {
  let sink = step.get(name);
  if (sink === undefined) {
    const rate = name === "http_req_failed" || name === "checks";
    const trend = name.endsWith("_duration");
    sink = new Sink(trend ? "trend" : rate ? "rate" : name === "vus" ? "gauge" : "counter", MAX_EXACT);
    step.set(name, sink);
  }
  return sink;
}
