import { gzipSync } from "node:zlib";
import { buildLogs, buildMetrics, buildTraces } from "../../../src/wire/otlp-build.ts";

export type Signal = "traces" | "logs" | "metrics";

const BUILD = { traces: buildTraces, logs: buildLogs, metrics: buildMetrics };

/** One body whose records' ids begin with `prefix`, and what came of it. */
export interface Batch {
  readonly signal: Signal;
  readonly prefix: string;
  readonly records: number;
  /** `unknown`: the connection broke before an answer; the records are there once or not at all. */
  outcome: "acknowledged" | "refused" | "unknown";
}

export interface SenderOptions {
  readonly recordsPerBatch: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly signals: readonly Signal[];
  readonly seed: number;
  readonly startUnixNano: bigint;
}

/**
 * Sends batches as fast as they are answered until stopped, and remembers what became of each. Refused and unanswered batches are
 * not sent again: the test wants to know exactly what was acknowledged.
 */
export class Sender {
  readonly batches: Batch[] = [];
  readonly #options: SenderOptions;
  #stopped = false;
  #next = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Resolves when `stop` was called and everything under way is answered. */
  async run(otlpHttp: string): Promise<void> {
    this.#stopped = false;
    await Promise.all(Array.from({ length: this.#options.concurrency }, () => this.#lane(otlpHttp)));
  }

  stop(): void {
    this.#stopped = true;
  }

  acknowledged(): Batch[] {
    return this.batches.filter((batch) => batch.outcome === "acknowledged");
  }

  async #lane(otlpHttp: string): Promise<void> {
    while (!this.#stopped) {
      const number = this.#next++;
      const signal = this.#options.signals[number % this.#options.signals.length]!;
      const prefix = number.toString(16).padStart(8, "0");
      const records = this.#options.recordsPerBatch;
      const body = BUILD[signal](
        {
          records,
          resources: 4,
          attributes: 4,
          idPrefix: prefix,
          startUnixNano: this.#options.startUnixNano,
          stepNano: 1000n,
          tracedEvery: 1,
        },
        this.#options.seed + number,
      );
      const compressed = number % 3 === 0;
      const batch: Batch = { signal, prefix, records, outcome: "unknown" };
      this.batches.push(batch);
      try {
        const response = await fetch(`${otlpHttp}/v1/${signal}`, {
          method: "POST",
          body: compressed ? gzipSync(body) : body,
          headers: { "content-type": "application/x-protobuf", ...(compressed ? { "content-encoding": "gzip" } : {}) },
        });
        await response.arrayBuffer();
        batch.outcome = response.ok ? "acknowledged" : "refused";
        if (!response.ok) await pause(50);
      } catch {
        // The connection broke: whether the batch was kept is not known, which is what `unknown` says.
        await pause(50);
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
