/** What a metric is made of its samples, by the names k6 gives them. */
export type MetricType = "counter" | "gauge" | "rate" | "trend";
/** What its values are: numbers, milliseconds, or bytes. */
export type MetricContents = "default" | "time" | "data";

export interface Metric {
  /** 0, 1, …: what samples name it by. */
  readonly id: number;
  readonly name: string;
  readonly type: MetricType;
  readonly contains: MetricContents;
}

/**
 * Sets of tags, each known by a number; 0 is the empty set. `with` is a map lookup when the set has been seen before, so a
 * sample costs no object for its tags.
 */
export interface TagSets {
  /** The set with this tag added or replaced; an empty `value` takes the tag away. */
  with(set: number, key: string, value: string): number;
  /** Sorted by key. */
  entries(set: number): readonly (readonly [key: string, value: string])[];
  get(set: number, key: string): string | undefined;
}

/** Where samples go: called many thousand times a second, keeps no object per call. */
export interface Samples {
  /**
   * `value` in the metric's unit (time: ms, data: bytes, rate: 0 or 1); `unixMs` may have a fraction. `traceId` (32 hex
   * digits) names the server's trace of this request: the slowest of an interval are kept as exemplars.
   */
  add(metric: number, tags: number, value: number, unixMs: number, traceId?: string): void;
}

/** Every metric that is known in a run, built in or made by a script. */
export interface Metrics {
  readonly tags: TagSets;
  /** Finds or makes it. Throws when a metric of that name has another type or other contents, or the name is none. */
  define(name: string, type: MetricType, contains: MetricContents): Metric;
  find(name: string): Metric | undefined;
  all(): readonly Metric[];
}
