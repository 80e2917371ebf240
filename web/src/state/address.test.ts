import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Address,
  carried,
  normalized,
  parseAddress,
  parseSelection,
  printAddress,
  printSelection,
} from "./address.ts";

const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => text.trim() !== "");
const noComma = word.filter((text) => !text.includes(","));
const time = fc.constantFrom(
  "now",
  "now-15m",
  "now-3h",
  "now-2d",
  "2026-07-01T10:00:00Z",
  "2026-07-01T10:00:00.123+02:00",
  "1764028800000",
);
const address = fc.record(
  {
    v: fc.integer({ min: 0, max: 99 }),
    tenant: word,
    from: time,
    to: time,
    zone: fc.constantFrom("local" as const, "utc" as const),
    where: fc.array(word, { minLength: 1, maxLength: 4 }),
    text: word,
    columns: fc.array(noComma, { minLength: 1, maxLength: 4 }),
    sort: word,
    group: fc.array(noComma, { minLength: 1, maxLength: 3 }),
    tab: word,
    select: word,
    open: word,
    wrap: fc.constant(true),
    live: fc.constant(true),
    metric: word,
    aggregate: word,
    sql: word,
  },
  { requiredKeys: [] },
);

describe("address", () => {
  it("survives the way through a link", () => {
    fc.assert(
      fc.property(address, (state) => {
        expect(parseAddress(printAddress(state))).toEqual(state);
      }),
    );
  });

  it("survives what URL itself does to a link", () => {
    fc.assert(
      fc.property(address, (state) => {
        const url = new URL(`http://localhost/traces${printAddress(state)}`);
        expect(parseAddress(url.search)).toEqual(state);
      }),
    );
  });

  it("reads like the question it asks", () => {
    const state: Address = {
      from: "now-3h",
      where: ["service = checkout", "duration > 500ms"],
      columns: ["name", "http.route"],
      live: true,
    };
    expect(printAddress(state)).toBe(
      "?from=now-3h&where=service+=+checkout&where=duration+%3E+500ms&columns=name,http.route&live=1",
    );
  });

  it("leaves out what it does not know and what is malformed", () => {
    expect(parseAddress("?from=soon&to=now&zone=mars&live=yes&v=x&where=&columns=,&evil=1&constructor=2")).toEqual({
      to: "now",
    });
    expect(parseAddress("?%")).toEqual({});
  });

  it("gives equal states equal addresses", () => {
    expect(normalized({ from: "now-15m", to: "now", where: [], live: false, text: "" })).toEqual({});
    expect(normalized({ from: "now-15m", to: "2026-07-01T10:00:00Z" })).toEqual({
      from: "now-15m",
      to: "2026-07-01T10:00:00Z",
    });
  });

  it("carries the question to the next signal, not the furniture", () => {
    expect(
      carried({ tenant: "t", from: "now-1h", where: ["a = b"], columns: ["x"], open: "1", select: "s", sort: "-d" }),
    ).toEqual({
      tenant: "t",
      from: "now-1h",
      where: ["a = b"],
    });
  });

  it("reads selections", () => {
    for (const text of [
      "1764028800000..1764028860000,500000000..2000000000",
      "1764028800000..1764028860000,*",
      "=service = checkout",
    ])
      expect(printSelection(parseSelection(text)!)).toBe(text);
    for (const bad of [undefined, "", "=", "5..1,*", "1..5,9..3", "x..y,*", "1..5"])
      expect(parseSelection(bad)).toBeNull();
  });
});
