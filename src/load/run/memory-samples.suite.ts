import type { RunRecord } from "../run-record.ts";
import type { Metric, Metrics, Samples } from "../samples.ts";
import type { Ledger, RunEnding, ThresholdStand } from "./ledger.ts";

export interface Sample {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Keeps every sample as an object, for tests to look at. */
export class MemorySamples implements Samples {
  readonly #sets: Record<string, string>[] = [{}];
  readonly #all: Metric[] = [];
  #samples: Sample[] = [];

  readonly metrics: Metrics = {
    tags: {
      with: (set, key, value) => {
        const { [key]: _, ...rest } = this.#sets[set]!;
        const tags = value === "" ? rest : { ...rest, [key]: value };
        const text = JSON.stringify(Object.entries(tags).sort());
        const known = this.#sets.findIndex((each) => JSON.stringify(Object.entries(each).sort()) === text);
        return known >= 0 ? known : this.#sets.push(tags) - 1;
      },
      entries: (set) => Object.entries(this.#sets[set]!),
      get: (set, key) => this.#sets[set]![key],
    },
    define: (name, type, contains) => {
      const known = this.#all.find((metric) => metric.name === name);
      if (known !== undefined) return known;
      const metric: Metric = { id: this.#all.length, name, type, contains };
      this.#all.push(metric);
      return metric;
    },
    find: (name) => this.#all.find((metric) => metric.name === name),
    all: () => this.#all,
  };

  readonly samples: Samples = this;

  start(): void {
    this.#samples = [];
  }

  add(metric: number, tags: number, value: number): void {
    this.#samples.push({ metric: this.#all[metric]!.name, tags: this.#sets[tags]!, value });
  }

  drain(): { frame: Sample[]; transfer: [] } {
    const frame = this.#samples;
    this.#samples = [];
    return { frame, transfer: [] };
  }
}

/** A ledger that remembers what it was given. */
export class MemoryLedger extends MemorySamples implements Ledger {
  readonly taken: Sample[] = [];
  ending: RunEnding | undefined;
  readonly wantsRaw = false;
  readonly runId = "0".repeat(32);
  judgement: (isEnd: boolean) => { readonly thresholds: readonly ThresholdStand[]; readonly isAbort: boolean } =
    () => ({
      thresholds: [],
      isAbort: false,
    });

  take(frame: unknown): void {
    this.taken.push(...(frame as Sample[]));
  }

  judge(_elapsedMs: number, isEnd: boolean): ReturnType<Ledger["judge"]> {
    return this.judgement(isEnd);
  }

  counter(name: string): number {
    return this.of(name).reduce((sum, { value }) => sum + value, 0);
  }

  quantile(): undefined {
    return undefined;
  }

  of(metric: string): readonly Sample[] {
    return this.taken.filter((sample) => sample.metric === metric);
  }

  flush(): void {
    this.taken.push(...this.drain().frame);
  }

  async close(ending: RunEnding): Promise<RunRecord> {
    this.ending = ending;
    return ending as unknown as RunRecord;
  }

  summaryData(): unknown {
    return { iterations: this.counter("iterations") };
  }

  exportSummary(): string {
    return "{}";
  }

  printSummary(): string {
    return `iterations: ${this.counter("iterations")}\n`;
  }
}
