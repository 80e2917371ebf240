import type { Metric, MetricContents, Metrics, MetricType } from "../samples.ts";
import { BUILT_IN_METRICS } from "./built-in.ts";
import { TAG_LIMITS, type TagLimits, TagSetTable } from "./tag-set-table.ts";

/** k6's rule: a letter or underscore, then 1 to 128 of letters, digits and underscores. */
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{1,128}$/;

/** The metrics of one generator, or of a whole run; the built-in ones are there from the start under the ids in METRIC. */
export class MetricRegistry implements Metrics {
  readonly tags: TagSetTable;
  readonly #all: Metric[] = [...BUILT_IN_METRICS];
  readonly #byName = new Map<string, Metric>(BUILT_IN_METRICS.map((metric) => [metric.name, metric]));

  constructor(limits: TagLimits = TAG_LIMITS) {
    this.tags = new TagSetTable(limits);
  }

  define(name: string, type: MetricType, contains: MetricContents): Metric {
    const known = this.#byName.get(name);
    if (known !== undefined) {
      if (known.type !== type)
        throw new Error(`metric '${name}' already exists as a ${known.type}, it cannot also be a ${type}`);
      if (known.contains !== contains)
        throw new Error(
          `metric '${name}' already exists with values of kind ${known.contains}, they cannot also be ${contains}`,
        );
      return known;
    }
    if (!NAME.test(name))
      throw new Error(
        `invalid metric name '${name}': a name is a letter or underscore, then 1 to 128 letters, digits or underscores`,
      );
    const metric: Metric = { id: this.#all.length, name, type, contains };
    this.#all.push(metric);
    this.#byName.set(name, metric);
    return metric;
  }

  find(name: string): Metric | undefined {
    return this.#byName.get(name);
  }

  get(id: number): Metric {
    return this.#all[id]!;
  }

  all(): readonly Metric[] {
    return this.#all;
  }
}
