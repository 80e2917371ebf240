import { describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { SignalBook } from "./ledger.ts";

const answer = (accepted: number, rejected = 0) => ({
  accepted,
  rejected,
  rejections:
    rejected === 0 ? [] : [{ reason: "trace-id-invalid", count: rejected, message: "a trace id must be 16 bytes" }],
});

describe("ledger", () => {
  it("balances, and shows what is missing when the journal does not hold what was received", () => {
    let pending = 5;
    const book = new SignalBook(new ManualClock(0), () => pending);
    expect(book.read()).toMatchObject({ received: 5, pending: 5, missing: 0 });
    pending += 10;
    book.received(answer(10, 2));
    expect(book.read()).toMatchObject({ received: 17, rejected: 2, pending: 15, missing: 0 });
    pending -= 12;
    book.stored(9);
    book.dropped("quarantined", 3);
    expect(book.read()).toMatchObject({ received: 17, stored: 9, rejected: 2, dropped: 3, pending: 3, missing: 0 });
    expect(book.read().reasons).toEqual([
      { reason: "quarantined", count: 3 },
      { reason: "trace-id-invalid", count: 2 },
    ]);
    pending -= 1;
    expect(book.read().missing).toBe(1);
  });

  it("tells records a second over the last minute, of whole seconds", () => {
    const clock = new ManualClock(0);
    const book = new SignalBook(clock, () => 0);
    book.received(answer(100));
    expect(book.read().receivedPerSecond).toBe(100);
    clock.advance(1000);
    expect(book.read().receivedPerSecond).toBe(100);
    book.received(answer(1000));
    clock.advance(9000);
    expect(book.read().receivedPerSecond).toBe(110);
    clock.advance(50_000);
    expect(book.read().receivedPerSecond).toBeCloseTo(1100 / 60);
    clock.advance(1000);
    expect(book.read().receivedPerSecond).toBeCloseTo(1000 / 60);
    clock.advance(500_000);
    expect(book.read().receivedPerSecond).toBe(0);
  });

  it("counts a flood of reasons in bounded memory", () => {
    const book = new SignalBook(new ManualClock(0), () => 0);
    for (let index = 0; index < 1000; index++) book.dropped(`reason ${index}`, 1);
    const { reasons, dropped } = book.read();
    expect(dropped).toBe(1000);
    expect(reasons.length).toBeLessThanOrEqual(65);
    expect(reasons.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
  });
});
