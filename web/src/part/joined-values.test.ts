import { describe, expect, it } from "vitest";
import { joinedValues } from "./joined-values.ts";

const _ = null;
const u = undefined;

describe("values joined by a line", () => {
  it("passes over the steps between regular reports", () => {
    expect(joinedValues([1, _, 2, 3, _, 4, 5, _, 6])).toEqual([1, u, 2, 3, u, 4, 5, u, 6]);
    expect(joinedValues([1, _, _, 2, _, _, 3, _, _, 4])).toEqual([1, u, u, 2, u, u, 3, u, u, 4]);
  });

  it("keeps a gap that is longer than usual, and what is before the first and after the last", () => {
    expect(joinedValues([_, 1, 2, 3, 4, _, _, 5, 6, _])).toEqual([_, 1, 2, 3, 4, _, _, 5, 6, _]);
    expect(joinedValues([1, _, 2, _, 3, _, 4, _, _, _, _, 5])).toEqual([1, u, 2, u, 3, u, 4, _, _, _, _, 5]);
  });

  it("takes a few values for no habit", () => {
    expect(joinedValues([1, _, 2, _, _, 3])).toEqual([1, _, 2, _, _, 3]);
    expect(joinedValues([])).toEqual([]);
    expect(joinedValues([_, _])).toEqual([_, _]);
  });
});
