import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { divide, parseSegment, printSegment, shareOf } from "./segment.ts";

const slotsOf = (segment: string, sequence: string, count: number): number[] => {
  const share = shareOf(segment, sequence);
  return Array.from({ length: share.scale(count) }, (_, index) => share.placeOf(index));
};

describe("execution segments", () => {
  it.each([
    ["1/3", "0:1/3"],
    ["25%:50%", "1/4:1/2"],
    ["0.5:1", "1/2:1"],
    ["0:1", "0:1"],
  ])("reads %s as %s", (text, printed) => expect(printSegment(parseSegment(text))).toBe(printed));

  it.each(["1/2:1/3", "0:2", "a", "1/0", "0:1/2:1", "1/3:1/3"])("refuses %s", (text) => {
    expect(() => parseSegment(text)).toThrow();
  });

  it("deals slots to the longest part that is due, as k6 does", () => {
    const sequence = "0,1/2,3/4,1";
    expect(slotsOf("0:1/2", sequence, 8)).toEqual([0, 2, 4, 6]);
    expect(slotsOf("1/2:3/4", sequence, 8)).toEqual([1, 5]);
    expect(slotsOf("3/4:1", sequence, 8)).toEqual([3, 7]);
    const tenths = "0,0.3,0.5,0.6,0.7,0.8,0.9,1";
    expect(slotsOf("0:0.3", tenths, 10)).toEqual([0, 4, 7]);
    expect(slotsOf("0.3:0.5", tenths, 10)).toEqual([1, 5]);
    expect(slotsOf("0.8:0.9", tenths, 10)).toEqual([8]);
  });

  it("names a segment that is not in the sequence", () => {
    expect(() => shareOf("0:1/2", "0,1/3,1")).toThrow("segment 0:1/2 is none of the sequence 0,1/3,1");
    expect(() => shareOf(undefined, "0,1/3,1")).toThrow("which of them");
  });

  const sequences = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }).map((weights) => {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    let at = 0;
    const borders = [0, ...weights.map((weight) => (at += weight))];
    return borders.map((border) => `${border}/${sum}`);
  });

  it("takes each slot exactly once, whatever the parts", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 0, max: 500 }), (borders, count) => {
        const all = borders
          .slice(1)
          .flatMap((to, index) => slotsOf(`${borders[index]}:${to}`, borders.join(","), count))
          .sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  it("gives each part its length's worth, within one", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 500 }), (borders, count) => {
        borders.slice(1).forEach((to, index) => {
          const share = shareOf(`${borders[index]}:${to}`, borders.join(","));
          const fair = (count * share.length.numerator) / share.length.denominator;
          expect(Math.abs(share.scale(count) - fair)).toBeLessThan(borders.length);
        });
      }),
    );
  });

  it("divides a segment so that its parts own what it owned", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 4 }), (borders, parts) => {
        const whole = divide(undefined, undefined, parts);
        expect(whole.segments).toHaveLength(parts);
        const { segments, sequence } = divide(`${borders[0]}:${borders[1]}`, borders.join(","), parts);
        const length = segments
          .map((segment) => shareOf(segment, sequence).length)
          .reduce((sum, { numerator, denominator }) => sum + numerator / denominator, 0);
        const undivided = shareOf(`${borders[0]}:${borders[1]}`, borders.join(",")).length;
        expect(length).toBeCloseTo(undivided.numerator / undivided.denominator);
      }),
    );
  });
});
