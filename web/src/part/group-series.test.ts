import { describe, expect, it } from "vitest";
import { PALETTES } from "../look/palette.ts";
import { seriesOfGroups } from "./group-series.ts";

const palette = PALETTES.dark;
const histogram = (groups: Readonly<Record<string, readonly number[]>>) => ({
  startMs: 0,
  stepMs: 1000,
  groups: Object.entries(groups).map(([name, counts]) => ({ name, counts })),
  statistics: { elapsedMs: 0, rowsRead: 0, bytesRead: 0, partial: false },
});
const colourOf = (service: string) => ({ slot: 0, variable: "", colour: `#${service}`, ink: "", monogram: null });

describe("series of groups", () => {
  it("stacks severities from the worst up, joining what means the same", () => {
    const series = seriesOfGroups(
      histogram({ info: [5, 5], ERROR: [1, 0], error2: [1, 1], warn: [2, 2] }),
      "severity",
      palette,
      colourOf,
    );
    expect(series.map(({ label, values }) => [label, values])).toEqual([
      ["error", [2, 1]],
      ["warn", [2, 2]],
      ["info", [5, 5]],
    ]);
    expect(series[0]!.colour).toBe(palette.error);
  });

  it("keeps the eight largest and counts the rest as one", () => {
    const series = seriesOfGroups(
      histogram(Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`v${i}`, [i, i]]))),
      "attributes.x",
      palette,
      colourOf,
    );
    expect(series).toHaveLength(9);
    expect(series[0]!.label).toBe("v10");
    expect(series[8]).toMatchObject({ label: "3 more", values: [3, 3] });
  });

  it("gives services their own colour and names the empty value", () => {
    const series = seriesOfGroups(histogram({ cart: [1], "": [2] }), "service", palette, colourOf);
    expect(series.map(({ label, colour }) => [label, colour])).toEqual([
      ["(none)", "#"],
      ["cart", "#cart"],
    ]);
  });
});
