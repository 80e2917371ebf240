import { describe, expect, it } from "vitest";
import { FingerprintTable } from "./fingerprint-table.ts";
import { SeriesSeen } from "./series-seen.ts";

describe("series seen", () => {
  it("knows what was added, until it is told to forget", () => {
    const seen = new SeriesSeen();
    expect(seen.has(1, 2)).toBe(false);
    seen.add(1, 2);
    seen.add(0, 0);
    expect([seen.has(1, 2), seen.has(0, 0), seen.has(2, 1), seen.has(1, 3)]).toEqual([true, true, false, false]);
    seen.forget();
    expect([seen.has(1, 2), seen.has(0, 0), seen.count]).toEqual([false, false, 0]);
  });

  it("stays within its limit, keeps what is in use and drops what is not", () => {
    const seen = new SeriesSeen(1000);
    seen.add(7, 7);
    for (let i = 0; i < 5000; i++) {
      expect(seen.has(7, 7)).toBe(true);
      if (!seen.has(i * 2654435761, i)) seen.add((i * 2654435761) >>> 0, i);
      expect(seen.count).toBeLessThanOrEqual(1001);
    }
    expect(seen.has(0, 0)).toBe(false);
    expect(seen.has((4999 * 2654435761) >>> 0, 4999)).toBe(true);
  });
});

describe("fingerprint table", () => {
  it("numbers fingerprints in order and finds them again", () => {
    const table = new FingerprintTable();
    const low = (i: number) => Math.imul(i + 1, 0x9e3779b1) >>> 0;
    let strange = 0;
    for (let i = 0; i < 20_000; i++) {
      if (table.find(low(i), i) !== -1) strange++;
      if (table.add(low(i), i) !== i) strange++;
    }
    expect(strange).toBe(0);
    let found = 0;
    for (let i = 0; i < 20_000; i++) if (table.find(low(i), i) === i) found++;
    expect(found).toBe(20_000);
    expect(table.find(low(5), 6)).toBe(-1);
  });

  it("stays quick where all crowd in one place: some are not found again", () => {
    const table = new FingerprintTable();
    for (let i = 0; i < 100_000; i++) table.add(42, i);
    let found = 0;
    let wrong = 0;
    for (let i = 0; i < 100_000; i++) {
      const number = table.find(42, i);
      if (number === i) found++;
      else if (number !== -1) wrong++;
    }
    expect(wrong).toBe(0);
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(100);
  });
});
