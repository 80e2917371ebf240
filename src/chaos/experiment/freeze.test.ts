import { expect, it } from "vitest";
import { frozenBy } from "./freeze.ts";

const at = (iso: string): number => Date.parse(iso);
const nights = { days: ["fri"], from: "22:00", to: "06:00", timeZone: "Europe/Berlin" };
const office = { days: ["mon", "tue"], from: "09:00", to: "17:00", timeZone: "UTC" };

it.each([
  ["2026-11-23T09:00:00Z", [office], true], // a Monday
  ["2026-11-23T16:59:00Z", [office], true],
  ["2026-11-23T17:00:00Z", [office], false],
  ["2026-11-25T10:00:00Z", [office], false], // a Wednesday
  ["2026-11-27T21:00:00Z", [nights], true], // Friday, 22:00 in Berlin
  ["2026-11-28T04:59:00Z", [nights], true], // Saturday, 05:59 in Berlin: the night that began on Friday
  ["2026-11-28T05:00:00Z", [nights], false],
  ["2026-11-28T21:30:00Z", [nights], false], // Saturday night
] as const)("%s", (iso, windows, isFrozen) => {
  expect(frozenBy(windows, at(iso)) !== undefined).toBe(isFrozen);
});
