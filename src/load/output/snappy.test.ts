import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unsnappy } from "./snappy.suite.ts";
import { snappyCompress } from "./snappy.ts";

describe("snappy", () => {
  it("comes back the same, whatever it is", () => {
    const repeating = fc
      .array(fc.constantFrom("http_req_duration", "method", "GET", "/api/v1/", "é", "0"), { maxLength: 400 })
      .map((parts) => Buffer.from(parts.join("")));
    fc.assert(
      fc.property(fc.oneof(repeating, fc.uint8Array({ maxLength: 3000 })), (input) => {
        expect(unsnappy(snappyCompress(input))).toEqual(Buffer.from(input));
      }),
    );
  });

  it("works across blocks and shrinks what repeats", () => {
    const text = Buffer.from(
      Array.from({ length: 9000 }, (_, index) => `k6_http_reqs_total{n="${index % 97}"}`).join(""),
    );
    const packed = snappyCompress(text);
    expect(text.length).toBeGreaterThan(3 * 65_536);
    expect(unsnappy(packed).equals(text)).toBe(true);
    expect(packed.length).toBeLessThan(text.length / 4);
  });
});
