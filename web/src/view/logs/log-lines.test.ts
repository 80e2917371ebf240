import { describe, expect, it } from "vitest";
import type { LogRow } from "../../../../src/api/contract/shapes.ts";
import { EMPTY_TAIL, fieldOf, joinLines, MOST_SHOWN, MOST_WAITING, tailArrived, tailReleased } from "./log-lines.ts";

const row = (id: string): LogRow => ({
  id,
  time: "0",
  severityNumber: 9,
  severityText: "INFO",
  service: "cart",
  body: "hello",
  eventName: "",
  traceId: "",
  spanId: "",
  template: "hello",
  attributes: { "http.route": "/cart" },
  resource: { "host.name": "a" },
});
const rows = (from: number, to: number): LogRow[] => Array.from({ length: to - from }, (_, i) => row(String(from + i)));

describe("log lines", () => {
  it("find a field on the record, then on the resource", () => {
    expect(fieldOf(row("1"), "attributes.http.route")).toBe("/cart");
    expect(fieldOf(row("1"), "http.route")).toBe("/cart");
    expect(fieldOf(row("1"), "host.name")).toBe("a");
    expect(fieldOf(row("1"), "trace")).toBeUndefined();
    expect(fieldOf(row("1"), "attributes.constructor")).toBeUndefined();
  });

  it("join tail and read lines without doubles", () => {
    expect(joinLines([row("3"), row("2")], [row("2"), row("1")]).map(({ id }) => id)).toEqual(["3", "2", "1"]);
  });

  it("show at the top, wait when scrolled, release on demand", () => {
    const top = tailArrived(EMPTY_TAIL, rows(0, 3), true);
    expect(top.shown.map(({ id }) => id)).toEqual(["2", "1", "0"]);
    const away = tailArrived(top, rows(3, 5), false);
    expect([away.shown.length, away.waiting.map(({ id }) => id)]).toEqual([3, ["4", "3"]]);
    expect(tailReleased(away).shown.map(({ id }) => id)).toEqual(["4", "3", "2", "1", "0"]);
    expect(tailArrived(away, rows(5, 6), true).shown.map(({ id }) => id)).toEqual(["5", "4", "3", "2", "1", "0"]);
  });

  it("stay bounded after a thousand batches, and count what was left out", () => {
    let shown = EMPTY_TAIL;
    let waiting = EMPTY_TAIL;
    for (let i = 0; i < 1000; i++) {
      shown = tailArrived(shown, rows(i * 10, i * 10 + 10), true);
      waiting = tailArrived(waiting, rows(i * 10, i * 10 + 10), false);
    }
    expect(shown.shown).toHaveLength(MOST_SHOWN);
    expect(waiting.waiting).toHaveLength(MOST_WAITING);
    expect(waiting.skipped).toBe(10_000 - MOST_WAITING);
    expect(waiting.waiting[0]!.id).toBe("9999");
  });
});
