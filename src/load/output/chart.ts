/** A line or area over time, drawn as inline SVG: no script, prints well, follows the colours of the page. */
export interface ChartLine {
  readonly name: string;
  /** A CSS variable of the page. */
  readonly color: string;
  readonly area?: boolean;
  /** One for each time; null leaves a gap. */
  readonly values: readonly (number | null)[];
}

export interface ChartOptions {
  readonly title: string;
  /** Seconds since the start, rising. */
  readonly seconds: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  /** Parts of the run that are shaded and named. */
  readonly bands: readonly { readonly name: string; readonly from: number; readonly to: number }[];
}

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 62;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 24;

export function chart({ title, seconds, lines, format, bands }: ChartOptions): string {
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = axisTicks(highest);
  const top = ticks.at(-1)!;
  const end = Math.max(seconds.at(-1) ?? 1, 1);
  const x = (second: number): number => LEFT + (second / end) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const parts: string[] = [];
  for (const { name, from, to } of bands) {
    const left = x(from);
    parts.push(
      `<rect class="band" x="${round(left)}" y="${TOP}" width="${round(Math.max(1, x(Math.min(to, end)) - left))}" height="${HEIGHT - TOP - BOTTOM}"/>`,
      `<text class="tick" x="${round(left + 4)}" y="${TOP + 12}">${escapeHtml(name)}</text>`,
    );
  }
  for (const tick of ticks)
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>`,
      `<text class="tick" text-anchor="end" x="${LEFT - 6}" y="${round(y(tick) + 4)}">${escapeHtml(format(tick))}</text>`,
    );
  for (const tick of timeTicks(end))
    parts.push(
      `<text class="tick" text-anchor="middle" x="${round(x(tick))}" y="${HEIGHT - 6}">${clockTime(tick)}</text>`,
    );
  for (const line of lines) parts.push(drawn(line, seconds, x, y));
  const legend = lines
    .map(({ name, color }) => `<span><i style="background:var(${color})"></i>${escapeHtml(name)}</span>`)
    .join("");
  return `<figure><figcaption>${escapeHtml(title)}<span class="legend">${legend}</span></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${parts.join("")}</svg></figure>`;
}

function drawn(
  { values, color, area }: ChartLine,
  seconds: readonly number[],
  x: (second: number) => number,
  y: (value: number) => number,
): string {
  const pieces: string[][] = [[]];
  for (const [index, value] of values.entries())
    if (value === null) pieces.push([]);
    else pieces.at(-1)!.push(`${round(x(seconds[index]!))},${round(y(value))}`);
  return pieces
    .filter((piece) => piece.length > 0)
    .map((piece) => {
      const first = piece[0]!.split(",")[0]!;
      const last = piece.at(-1)!.split(",")[0]!;
      const fill =
        area === true
          ? `<polygon style="fill:var(${color})" class="area" points="${first},${round(y(0))} ${piece.join(" ")} ${last},${round(y(0))}"/>`
          : "";
      // A point alone has no line: it gets a dot.
      const stroke =
        piece.length === 1
          ? `<circle style="fill:var(${color})" cx="${first}" cy="${piece[0]!.split(",")[1]!}" r="2"/>`
          : `<polyline style="stroke:var(${color})" points="${piece.join(" ")}"/>`;
      return fill + stroke;
    })
    .join("");
}

/** Three to six round values from 0 to at least `highest`. */
function axisTicks(highest: number): readonly number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const ticks: number[] = [];
  for (let index = 0; ticks.length === 0 || ticks.at(-1)! < highest; index++)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

function timeTicks(end: number): readonly number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
  const step = steps.find((candidate) => end / candidate <= 8) ?? Math.ceil(end / 8);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}

function clockTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
