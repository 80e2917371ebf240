import {
  type CountedInterval,
  coarsen,
  explicitIntervals,
  exponentialIntervals,
  intervalQuantile,
} from "#math/bucket-quantile.ts";

/** What one point (or the difference of two) counted. */
export interface HistogramCounts {
  readonly count: number;
  /** NaN where the sender gave none. */
  readonly sum: number;
  readonly explicit: { readonly bounds: readonly number[]; readonly counts: readonly number[] } | undefined;
  readonly exponential: ExponentialCounts | undefined;
}

export interface ExponentialCounts {
  readonly scale: number;
  readonly zero: number;
  readonly zeroThreshold: number;
  readonly positive: ReadonlyMap<number, number>;
  readonly negative: ReadonlyMap<number, number>;
}

/** Adds histograms up, whatever their bounds and scales: those of one kind bucket by bucket, scales to the coarsest. */
export class HistogramSum {
  count = 0;
  sum = 0;
  readonly #explicit = new Map<string, { bounds: readonly number[]; counts: number[] }>();
  #exponential: ExponentialCounts | undefined;

  /** `share`: the part of it that counts here, 0 to 1. */
  add(counts: HistogramCounts, share: number): void {
    this.count += counts.count * share;
    this.sum += counts.sum * share;
    if (counts.explicit !== undefined) {
      const key = counts.explicit.bounds.join();
      const known = this.#explicit.get(key);
      if (known === undefined)
        this.#explicit.set(key, {
          bounds: counts.explicit.bounds,
          counts: counts.explicit.counts.map((count) => count * share),
        });
      else for (const [index, count] of counts.explicit.counts.entries()) known.counts[index]! += count * share;
    }
    if (counts.exponential !== undefined) {
      const scaled = scale(counts.exponential, share);
      this.#exponential = this.#exponential === undefined ? scaled : addExponential(this.#exponential, scaled, 1);
    }
  }

  quantile(q: number): number | null {
    const intervals = [...this.#explicit.values()].flatMap(({ bounds, counts }) => explicitIntervals(bounds, counts));
    return intervalQuantile(
      this.#exponential === undefined ? intervals : [...intervals, ...exponential(this.#exponential)],
      q,
    );
  }
}

function exponential(counts: ExponentialCounts): CountedInterval[] {
  // A zero bucket of no width still is somewhere: next to nothing.
  const width = Math.max(counts.zeroThreshold, 1e-12);
  const zero: CountedInterval = {
    low: counts.negative.size > 0 ? -width : 0,
    high: width,
    count: counts.zero,
    geometric: false,
  };
  return [
    ...exponentialIntervals(counts.scale, counts.positive, 1),
    ...exponentialIntervals(counts.scale, counts.negative, -1),
    ...(counts.zero > 0 ? [zero] : []),
  ];
}

function scale(counts: ExponentialCounts, share: number): ExponentialCounts {
  if (share === 1) return counts;
  const part = (map: ReadonlyMap<number, number>): Map<number, number> =>
    new Map([...map].map(([index, count]) => [index, count * share]));
  return { ...counts, zero: counts.zero * share, positive: part(counts.positive), negative: part(counts.negative) };
}

/** a + sign * b, at the coarser of their scales. */
export function addExponential(a: ExponentialCounts, b: ExponentialCounts, sign: 1 | -1): ExponentialCounts {
  const coarser = Math.min(a.scale, b.scale);
  const merge = (one: ReadonlyMap<number, number>, other: ReadonlyMap<number, number>): Map<number, number> => {
    const merged = coarsen(one, a.scale - coarser);
    for (const [index, count] of coarsen(other, b.scale - coarser))
      merged.set(index, Math.max(0, (merged.get(index) ?? 0) + sign * count));
    return merged;
  };
  return {
    scale: coarser,
    zero: Math.max(0, a.zero + sign * b.zero),
    zeroThreshold: Math.max(a.zeroThreshold, b.zeroThreshold),
    positive: merge(a.positive, b.positive),
    negative: merge(a.negative, b.negative),
  };
}

/** What a cumulative histogram counted since the point before; undefined where it began anew or changed its bounds. */
export function histogramDifference(now: HistogramCounts, before: HistogramCounts): HistogramCounts | undefined {
  if (now.count < before.count) return undefined;
  if ((now.explicit === undefined) !== (before.explicit === undefined)) return undefined;
  if ((now.exponential === undefined) !== (before.exponential === undefined)) return undefined;
  if (now.explicit !== undefined && before.explicit !== undefined) {
    const { bounds, counts } = now.explicit;
    if (bounds.join() !== before.explicit.bounds.join()) return undefined;
    if (counts.some((count, index) => count < before.explicit!.counts[index]!)) return undefined;
  }
  return {
    count: now.count - before.count,
    sum: now.sum - before.sum,
    explicit:
      now.explicit === undefined
        ? undefined
        : {
            bounds: now.explicit.bounds,
            counts: now.explicit.counts.map((count, index) => count - before.explicit!.counts[index]!),
          },
    exponential: now.exponential === undefined ? undefined : addExponential(now.exponential, before.exponential!, -1),
  };
}
