/** The palette as values, for canvas and charts. tokens.css holds the same for everything else; a test proves that they agree. */
export type Theme = "dark" | "light";

export interface Palette {
  readonly page: string;
  readonly panel: string;
  readonly raised: string;
  readonly line: string;
  readonly text: string;
  readonly secondary: string;
  readonly faint: string;
  readonly accent: string;
  readonly ok: string;
  readonly warn: string;
  readonly error: string;
  readonly info: string;
  /** Eight categorical colours: brick, yellow, olive, teal, blue, indigo, purple, pink. */
  readonly services: readonly string[];
  /** Sequential, low to high. */
  readonly amount: readonly string[];
}

export const PALETTES: Readonly<Record<Theme, Palette>> = {
  dark: {
    page: "#0b0e14",
    panel: "#14171d",
    raised: "#1d2126",
    line: "#2a2e34",
    text: "#e7ebf2",
    secondary: "#adb1b8",
    faint: "#868990",
    accent: "#6aa7f4",
    ok: "#40cd9b",
    warn: "#f3b94c",
    error: "#f75d59",
    info: "#61b3e6",
    services: ["#b94544", "#fcda23", "#8daa30", "#50ffcf", "#9fc5ff", "#6457fd", "#9d4caa", "#e469bc"],
    amount: ["#1b1e2e", "#3d3368", "#7d418a", "#d5565d", "#f59740", "#f7e785"],
  },
  light: {
    page: "#f8fafd",
    panel: "#fdffff",
    raised: "#f2f3f6",
    line: "#e6e8ea",
    text: "#181b1f",
    secondary: "#4a4d53",
    faint: "#686c71",
    accent: "#1d60bc",
    ok: "#057c59",
    warn: "#9a6205",
    error: "#c51e21",
    info: "#046d9f",
    services: ["#6e2e26", "#9b8d03", "#5e6c01", "#0c9d8a", "#5379c6", "#312be4", "#68018d", "#944179"],
    amount: ["#f5f2e3", "#f7d293", "#f49752", "#da534f", "#883170", "#3b235d"],
  },
};

type Triple = readonly [number, number, number];

/** `#rrggbb` as bytes. */
export function bytesOf(colour: string): Triple {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A colour between the steps of a scale; `share` runs 0 to 1. */
export function scaleColour(scale: readonly string[], share: number): Triple {
  const at = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const low = Math.floor(at);
  const a = bytesOf(scale[low]!);
  const b = bytesOf(scale[Math.min(low + 1, scale.length - 1)]!);
  const mix = (i: 0 | 1 | 2): number => Math.round(a[i] + (b[i] - a[i]) * (at - low));
  return [mix(0), mix(1), mix(2)];
}

/** WCAG 2 relative luminance. */
export function luminance(colour: string): number {
  const [r, g, b] = bytesOf(colour).map((byte) => {
    const v = byte / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG 2 contrast ratio, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white, whichever reads better on the colour. */
export function inkOn(colour: string): string {
  return contrast(colour, "#0b0e14") >= contrast(colour, "#ffffff") ? "#0b0e14" : "#ffffff";
}
