import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bytesOf, contrast, inkOn, PALETTES, type Palette, scaleColour, type Theme } from "./palette.ts";

type Triple = [number, number, number];

const linear = (byte: number): number =>
  byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4;

/** Björn Ottosson, "A perceptual color space for image processing" (2020). */
function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009), severity 1, linear RGB. */
const VISION: Record<string, readonly Triple[]> = {
  ordinary: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

function seen(colour: string, matrix: readonly Triple[]): Triple {
  const rgb = bytesOf(colour).map(linear) as Triple;
  return oklab(
    matrix.map((row) => Math.min(1, Math.max(0, row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]))) as Triple,
  );
}

function distance(a: string, b: string, matrix: readonly Triple[] = VISION["ordinary"]!): number {
  const x = seen(a, matrix);
  const y = seen(b, matrix);
  return 100 * Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

const surfaces = (p: Palette): string[] => [p.page, p.panel, p.raised];
const below = (colours: readonly string[], p: Palette, least: number): string[] =>
  colours.flatMap((colour) =>
    surfaces(p)
      .filter((surface) => contrast(colour, surface) < least)
      .map((surface) => `${colour} on ${surface}: ${contrast(colour, surface).toFixed(2)}`),
  );

describe.each(Object.entries(PALETTES) as [Theme, Palette][])("palette %s", (theme, p) => {
  it("reads: body ≥ 7, secondary and faint ≥ 4.5, marks ≥ 3", () => {
    expect(below([p.text], p, 7)).toEqual([]);
    expect(below([p.secondary, p.faint], p, 4.5)).toEqual([]);
    expect(below([p.accent, p.ok, p.warn, p.error, p.info, ...p.services], p, 3)).toEqual([]);
  });

  it.each(Object.entries(VISION))("tells services apart with %s vision", (_, matrix) => {
    const close: string[] = [];
    p.services.forEach((a, i) => {
      for (const b of p.services.slice(i + 1))
        if (distance(a, b, matrix) < 11) close.push(`${a} ${b}: ${distance(a, b, matrix).toFixed(1)}`);
    });
    expect(close).toEqual([]);
  });

  it("keeps services away from accent and state colours", () => {
    const states = [p.accent, p.ok, p.warn, p.error, p.info];
    const close = p.services.flatMap((a) =>
      states.filter((b) => distance(a, b) < 9).map((b) => `${a} ${b}: ${distance(a, b).toFixed(1)}`),
    );
    expect(close).toEqual([]);
  });

  it("is what tokens.css says", () => {
    const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
    const block = css.slice(css.indexOf(`[data-theme="${theme}"] {`)).split("}")[0]!;
    const token = (name: string): string | undefined => new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(block)?.[1];
    const { services, amount, ...named } = p;
    for (const [name, value] of Object.entries(named)) expect([name, token(name)]).toEqual([name, value]);
    services.forEach((value, i) => {
      expect(token(`service-${i}`)).toBe(value);
    });
    amount.forEach((value, i) => {
      expect(token(`amount-${i}`)).toBe(value);
    });
  });

  it("writes legibly on every service colour", () => {
    for (const colour of p.services) expect(contrast(inkOn(colour), colour)).toBeGreaterThanOrEqual(4.5);
  });

  it("gives an amount scale that only rises or only falls in lightness", () => {
    const steps = Array.from({ length: 21 }, (_, i) => oklab(scaleColour(p.amount, i / 20).map(linear) as Triple)[0]);
    const signs = new Set(steps.slice(1).map((l, i) => Math.sign(Math.round((l - steps[i]!) * 1e4))));
    signs.delete(0);
    expect(signs.size).toBe(1);
  });
});
