/**
 * Per-tenant quotas: token buckets for bytes and records a second. A bucket may be overdrawn by one request (how many records
 * a body has is known only after it was decoded); the tenant then waits until it is above zero again, so that the average holds.
 */
import type { Clock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import type { LimitCounts } from "./admission-counts.ts";

export interface Quota {
  /** Undefined is without limit. */
  readonly bytesPerSecond?: number | undefined;
  readonly recordsPerSecond?: number | undefined;
}

export interface QuotaOptions {
  /** For tenants that `tenants` does not name. */
  readonly everyTenant: Quota;
  readonly tenants: Readonly<Record<string, Quota>>;
  /** A bucket holds what this many seconds bring. */
  readonly burstSeconds: number;
}

export const QUOTA_DEFAULTS: QuotaOptions = { everyTenant: {}, tenants: {}, burstSeconds: 10 };

/** Longest pause asked of a sender, whatever the debt. */
const MAX_RETRY_AFTER_SECONDS = 60;
/** Buckets kept; beyond, the ones that are full again are forgotten, which changes nothing. */
const MAX_TENANTS = 10_000;

interface Bucket {
  level: number;
  atMs: number;
}

export class Quotas {
  readonly #options: QuotaOptions;
  readonly #clock: Clock;
  readonly #counts: LimitCounts;
  readonly #buckets = { bytes: new Map<string, Bucket>(), records: new Map<string, Bucket>() };

  constructor(options: QuotaOptions, clock: Clock, counts: LimitCounts) {
    this.#options = options;
    this.#clock = clock;
    this.#counts = counts;
  }

  /** "overloaded" with `retryAfterSeconds` if the tenant has used up its quota. */
  refusal(tenant: string): Failure | undefined {
    return this.#refusal("bytes", tenant) ?? this.#refusal("records", tenant);
  }

  /** What a request brought: called for the body as received, and for its records once they are known. */
  spend(tenant: string, what: "bytes" | "records", count: number): void {
    const rate = this.#rate(what, tenant);
    if (rate !== undefined) this.#bucket(what, tenant, rate).level -= count;
  }

  #refusal(what: "bytes" | "records", tenant: string): Failure | undefined {
    const rate = this.#rate(what, tenant);
    if (rate === undefined) return undefined;
    const { level } = this.#bucket(what, tenant, rate);
    if (level > 0) return undefined;
    this.#counts.add(what === "bytes" ? "quota-bytes" : "quota-records");
    const seconds = rate === 0 ? MAX_RETRY_AFTER_SECONDS : Math.ceil(-level / rate);
    return new Failure("overloaded", `tenant ${tenant} may send ${rate} ${what} a second`, {
      retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds)),
    });
  }

  #rate(what: "bytes" | "records", tenant: string): number | undefined {
    const own = Object.hasOwn(this.#options.tenants, tenant) ? this.#options.tenants[tenant] : undefined;
    const quota = own ?? this.#options.everyTenant;
    return what === "bytes" ? quota.bytesPerSecond : quota.recordsPerSecond;
  }

  #bucket(what: "bytes" | "records", tenant: string, rate: number): Bucket {
    const buckets = this.#buckets[what];
    const nowMs = this.#clock.monotonicMs();
    const capacity = rate * this.#options.burstSeconds;
    let bucket = buckets.get(tenant);
    if (bucket === undefined) {
      if (buckets.size >= MAX_TENANTS) this.#forgetFull(buckets, what, nowMs);
      bucket = { level: capacity, atMs: nowMs };
      buckets.set(tenant, bucket);
      return bucket;
    }
    bucket.level = Math.min(capacity, bucket.level + ((nowMs - bucket.atMs) * rate) / 1000);
    bucket.atMs = nowMs;
    return bucket;
  }

  #forgetFull(buckets: Map<string, Bucket>, what: "bytes" | "records", nowMs: number): void {
    for (const [tenant, bucket] of buckets) {
      const rate = this.#rate(what, tenant) ?? 0;
      if (bucket.level + ((nowMs - bucket.atMs) * rate) / 1000 >= rate * this.#options.burstSeconds)
        buckets.delete(tenant);
    }
    // All in debt: the longest known goes, so that a sender of ever new tenant names cannot grow this map.
    const oldest = buckets.keys().next();
    if (buckets.size >= MAX_TENANTS && oldest.done !== true) buckets.delete(oldest.value);
  }
}
