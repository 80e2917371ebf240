import { describe, expect, it } from "vitest";
import { TIME_PATTERN } from "./address.ts";
import { describeRange, parseTimeRange, resolveRange, stepRange, zoomOut } from "./time-range.ts";

// Tuesday.
const NOW = Date.UTC(2026, 10, 24, 18, 30, 0);
const read = (text: string): string => {
  const range = parseTimeRange(text, "utc", NOW);
  return "message" in range ? `! ${range.message}` : `${range.from} ${range.to}`;
};

describe("typed time", () => {
  it.each([
    ["3h", "now-3h now"],
    ["last 3h", "now-3h now"],
    ["last 15 min", "now-15m now"],
    ["past hour", "now-1h now"],
    ["2 weeks", "now-2w now"],
    ["now-3h to now-1h", "now-3h now-1h"],
    ["3h ago - 1h ago", "now-3h now-1h"],
    ["today", "2026-11-24T00:00:00.000Z 2026-11-24T18:30:00.000Z"],
    ["yesterday", "2026-11-23T00:00:00.000Z 2026-11-24T00:00:00.000Z"],
    ["yesterday 14:00-15:30", "2026-11-23T14:00:00.000Z 2026-11-23T15:30:00.000Z"],
    ["yesterday 14:00 – 15:30", "2026-11-23T14:00:00.000Z 2026-11-23T15:30:00.000Z"],
    ["14:00-15:30", "2026-11-24T14:00:00.000Z 2026-11-24T15:30:00.000Z"],
    ["14:00", "2026-11-24T14:00:00.000Z now"],
    ["14:00 - now", "2026-11-24T14:00:00.000Z now"],
    ["23:30-00:30", "2026-11-23T23:30:00.000Z 2026-11-24T00:30:00.000Z"],
    ["monday 9:00-10:00", "2026-11-23T09:00:00.000Z 2026-11-23T10:00:00.000Z"],
    ["tue 9:00-10:00", "2026-11-17T09:00:00.000Z 2026-11-17T10:00:00.000Z"],
    ["Jul 1 10:00 - Jul 2 11:00", "2026-07-01T10:00:00.000Z 2026-07-02T11:00:00.000Z"],
    ["jul 1 - jul 3", "2026-07-01T00:00:00.000Z 2026-07-04T00:00:00.000Z"],
    ["dec 24", "2025-12-24T00:00:00.000Z 2025-12-25T00:00:00.000Z"],
    ["2026-07-01 10:00 - 12:00", "2026-07-01T10:00:00.000Z 2026-07-01T12:00:00.000Z"],
    ["2026-07-01 10:00 to 2026-07-03 12:00:30", "2026-07-01T10:00:00.000Z 2026-07-03T12:00:30.000Z"],
    ["2026-07-01T10:00:00Z - 2026-07-01T11:00:00+02:00", "! the range ends before it begins"],
    ["2026-07-01T10:00:00Z to 2026-07-01T13:00:00+02:00", "2026-07-01T10:00:00.000Z 2026-07-01T11:00:00.000Z"],
    ["around 14:30", "2026-11-24T14:25:00.000Z 2026-11-24T14:35:00.000Z"],
    ["1764028800 - 1764028860", "2025-11-25T00:00:00.000Z 2025-11-25T00:01:00.000Z"],
  ])("%s", (text, range) => {
    expect(read(text)).toBe(range);
  });

  it("says what it cannot read", () => {
    for (const text of ["", "soon", "99:00", "feb 31", "2026-13-01", "last"])
      expect(read(text)).toMatch(/^! .*try `last 3h`/);
  });

  it("gives only what addresses accept", () => {
    for (const text of ["3h", "yesterday 14:00-15:30", "14:00", "3h ago - 1h ago"])
      for (const end of read(text).split(" ")) expect(end).toMatch(TIME_PATTERN);
  });

  it("follows the zone", () => {
    const offsetMs = new Date(2026, 10, 23, 14).getTime() - Date.UTC(2026, 10, 23, 14);
    const range = parseTimeRange("yesterday 14:00-15:30", "local", NOW);
    if ("message" in range) throw new Error(range.message);
    expect(Date.parse(range.to) - Date.parse(range.from)).toBe(5_400_000);
    expect(Math.abs(Date.parse(range.from) - Date.UTC(2026, 10, 23, 14) - offsetMs) % 86_400_000).toBe(0);
  });
});

describe("ranges", () => {
  const range = resolveRange("now-1h", "now", NOW);

  it("resolve, step and zoom", () => {
    expect(range).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW });
    expect(stepRange(range, -1)).toEqual({ from: "2026-11-24T16:30:00.000Z", to: "2026-11-24T17:30:00.000Z" });
    expect(zoomOut(range, NOW)).toEqual({ from: "2026-11-24T16:30:00.000Z", to: "2026-11-24T18:30:00.000Z" });
    expect(resolveRange("now", "now-1h", NOW)).toEqual({ fromMs: NOW - 3_600_000 - 900_000, toMs: NOW - 3_600_000 });
  });

  it("are described in words", () => {
    expect(describeRange({}, "utc", NOW)).toBe("Last 15 minutes");
    expect(describeRange({ from: "now-1d", to: "now" }, "utc", NOW)).toBe("Last day");
    expect(describeRange({ from: "2026-11-24T14:00:00Z", to: "2026-11-24T15:30:00Z" }, "utc", NOW)).toBe(
      "14:00 – 15:30",
    );
    expect(describeRange({ from: "2026-11-23T14:00:00Z", to: "2026-11-23T15:30:00Z" }, "utc", NOW)).toBe(
      "Nov 23 14:00 – 15:30",
    );
  });
});
