import { describe, expect, it } from "vitest";
import { searchHits } from "./search-hits.ts";

const found = (line: string, text: string | undefined, where: readonly string[] = []): string[] => {
  const hits = searchHits(text, where);
  return hits === null ? [] : [...line.matchAll(hits)].map(([hit]) => hit);
};

describe("search hits", () => {
  it("are whole words in any case", () => {
    expect(found("Charge failed; recharge the CHARGE", "charge")).toEqual(["Charge", "CHARGE"]);
  });

  it("are phrases, whatever stands between their words", () => {
    expect(found("time-out: card_network did not", '"card network"')).toEqual(["card_network"]);
    expect(found("the network card", '"card network"')).toEqual([]);
  });

  it("are not what must not occur", () => {
    expect(found("charge failed", "charge -failed")).toEqual(["charge"]);
    expect(searchHits('-"charge failed"', [])).toBeNull();
  });

  it("come from filters on the body as well, and from no other", () => {
    expect(found("charge failed", undefined, ['body ~ "charge failed"', "service = charge"])).toEqual([
      "charge failed",
    ]);
  });

  it("take nothing as a pattern", () => {
    expect(found("a.b (c)* axb", "a.b .* (c)*")).toEqual(["a.b", "c"]);
    expect(searchHits("*** -", [])).toBeNull();
    expect(searchHits(undefined, [])).toBeNull();
  });
});
