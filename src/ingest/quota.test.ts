import { describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { LimitCounts } from "./admission-counts.ts";
import { QUOTA_DEFAULTS, type QuotaOptions, Quotas } from "./quota.ts";

function open(options: Partial<QuotaOptions>) {
  const clock = new ManualClock(0);
  const counts = new LimitCounts();
  return { clock, counts, quotas: new Quotas({ ...QUOTA_DEFAULTS, ...options }, clock, counts) };
}

describe("quotas", () => {
  it("are off by default", () => {
    const { quotas } = open({});
    quotas.spend("a", "bytes", 1e15);
    quotas.spend("a", "records", 1e15);
    expect(quotas.refusal("a")).toBeUndefined();
  });

  it.each(["bytes", "records"] as const)("hold a tenant to its %s a second", (what) => {
    const { clock, counts, quotas } = open({
      everyTenant: what === "bytes" ? { bytesPerSecond: 100 } : { recordsPerSecond: 100 },
    });
    expect(quotas.refusal("a")).toBeUndefined();
    quotas.spend("a", what, 999);
    expect(quotas.refusal("a")).toBeUndefined();
    quotas.spend("a", what, 501);
    expect(quotas.refusal("a")).toMatchObject({ code: "overloaded", retryAfterSeconds: 5 });
    expect(quotas.refusal("b")).toBeUndefined();
    clock.advance(4_999);
    expect(quotas.refusal("a")?.retryAfterSeconds).toBe(1);
    clock.advance(11);
    expect(quotas.refusal("a")).toBeUndefined();
    expect(counts.snapshot()[`quota-${what}`]).toBe(2);
  });

  it("let the average through, whatever the batches", () => {
    const { clock, quotas } = open({ everyTenant: { recordsPerSecond: 1000 }, burstSeconds: 1 });
    let sent = 0;
    for (let ms = 0; ms < 100_000; ms += 10) {
      clock.advance(10);
      if (quotas.refusal("a") !== undefined) continue;
      quotas.spend("a", "records", 700);
      sent += 700;
    }
    expect(sent / 100).toBeGreaterThan(990);
    expect(sent / 100).toBeLessThan(1020);
  });

  it("may be a tenant's own, and zero", () => {
    const { quotas } = open({
      everyTenant: { bytesPerSecond: 1 },
      tenants: { free: {}, none: { bytesPerSecond: 0 }, constructor: { recordsPerSecond: 1 } },
    });
    for (const tenant of ["free", "none", "toString", "constructor"]) quotas.spend(tenant, "bytes", 20);
    expect(quotas.refusal("free")).toBeUndefined();
    expect(quotas.refusal("none")).toMatchObject({ retryAfterSeconds: 60 });
    expect(quotas.refusal("toString")).toMatchObject({ retryAfterSeconds: 10 });
    expect(quotas.refusal("constructor")).toBeUndefined();
  });

  it("do not let a sender of ever new tenants shed a debt of others cheaply, nor grow without bound", () => {
    const { quotas } = open({ everyTenant: { bytesPerSecond: 1 } });
    quotas.spend("debtor", "bytes", 1000);
    for (let n = 0; n < 15_000; n++) quotas.refusal(`new-${n}`);
    expect(quotas.refusal("debtor")?.code).toBe("overloaded");
  });
});
