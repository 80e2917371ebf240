import type { Metric } from "../samples.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import { Sink } from "./sink.ts";
import { addColumn, type MergedFrame, type Series, seriesKey } from "./totals.ts";

/** What came in the frames since the last `take`, by series: for outputs that push at intervals of their own. */
export class IntervalSinks {
  readonly #registry: MetricRegistry;
  #series = new Map<number, Series>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  add({ series }: MergedFrame): void {
    for (let at = 0; at < series.length; at++) {
      const metricId = series.metric[at]!;
      const tags = series.tags[at]!;
      const key = seriesKey(metricId, tags);
      let known = this.#series.get(key);
      if (known === undefined) {
        const metric: Metric = this.#registry.get(metricId);
        known = { metric, tags, sink: new Sink(metric.type, 0) };
        this.#series.set(key, known);
      }
      addColumn(known.sink, series, at);
    }
  }

  take(): readonly Series[] {
    const taken = [...this.#series.values()];
    this.#series = new Map();
    return taken;
  }
}
