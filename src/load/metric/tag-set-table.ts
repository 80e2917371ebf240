import type { TagSets } from "../samples.ts";

/** The set that stands for every set that came after the table was full: `{overflow: "true"}`. */
export const OVERFLOW_SET = 1;
/** The value that stands for every value of a key that came after the key had its most. */
export const OVERFLOW_VALUE = "__overflow__";

export interface TagLimits {
  readonly maxSets: number;
  readonly maxValuesPerKey: number;
}

/** A url in each request with an id in it makes as many sets as requests: memory must not follow. */
export const TAG_LIMITS: TagLimits = { maxSets: 20_000, maxValuesPerKey: 5000 };

type Entries = readonly (readonly [key: string, value: string])[];

/**
 * Interned tag sets. Each set remembers where each tag leads from it, so a set met before is two map lookups. Two orders of
 * adding the same tags lead to the same set. Past the limits a value becomes OVERFLOW_VALUE (the other tags stay true), and
 * a set becomes OVERFLOW_SET; neither is an error, `folds` counts them.
 */
export class TagSetTable implements TagSets {
  readonly #limits: TagLimits;
  readonly #entries: Entries[] = [];
  readonly #steps: (Map<string, Map<string, number>> | undefined)[] = [];
  readonly #byText = new Map<string, number>();
  readonly #values = new Map<string, Set<string>>();
  /** How many different steps ended in a folded value or in OVERFLOW_SET. */
  folds = 0;

  constructor(limits: TagLimits = TAG_LIMITS) {
    this.#limits = limits;
    this.#intern([]);
    this.#intern([["overflow", "true"]]);
  }

  get size(): number {
    return this.#entries.length;
  }

  with(set: number, key: string, value: string): number {
    return this.#steps[set]?.get(key)?.get(value) ?? this.#step(set, key, value);
  }

  /** The set of these tags. */
  of(tags: Iterable<readonly [key: string, value: string]>): number {
    let set = 0;
    for (const [key, value] of tags) set = this.with(set, key, value);
    return set;
  }

  entries(set: number): Entries {
    return this.#entries[set] ?? [];
  }

  get(set: number, key: string): string | undefined {
    return this.#entries[set]?.find(([name]) => name === key)?.[1];
  }

  /** Whether the set has every one of these tags; an empty value means that the key must be missing. */
  matches(set: number, tags: Entries): boolean {
    return tags.every(([key, value]) => (this.get(set, key) ?? "") === value);
  }

  #step(set: number, key: string, value: string): number {
    if (set === OVERFLOW_SET) return set;
    if (!this.#admits(key, value)) {
      // Not remembered: the memory of it would grow with the values that the limit keeps out.
      this.folds++;
      return this.with(set, key, OVERFLOW_VALUE);
    }
    const rest = this.entries(set).filter(([name]) => name !== key);
    const entries = value === "" ? rest : [...rest, [key, value] as const].sort(([a], [b]) => (a < b ? -1 : 1));
    const target = this.#intern(entries);
    if (target === OVERFLOW_SET && !entries.some(([name]) => name === "overflow")) {
      this.folds++;
      return target;
    }
    this.#steps[set] ??= new Map();
    const steps = this.#steps[set];
    let byValue = steps.get(key);
    if (byValue === undefined) {
      byValue = new Map();
      steps.set(key, byValue);
    }
    byValue.set(value, target);
    return target;
  }

  #admits(key: string, value: string): boolean {
    if (value === "" || value === OVERFLOW_VALUE) return true;
    let values = this.#values.get(key);
    if (values === undefined) {
      values = new Set();
      this.#values.set(key, values);
    }
    if (values.has(value)) return true;
    if (values.size >= this.#limits.maxValuesPerKey) return false;
    values.add(value);
    return true;
  }

  #intern(entries: Entries): number {
    const text = JSON.stringify(entries);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    if (this.#entries.length >= this.#limits.maxSets) return OVERFLOW_SET;
    const id = this.#entries.length;
    this.#entries.push(entries);
    this.#byText.set(text, id);
    return id;
  }
}
