import type { ReactElement } from "react";
import type { Sparkline as Values } from "../../../src/api/contract/shapes.ts";
import { formatQuantity, type Unit } from "../format/quantity.ts";
import { joinedValues } from "./joined-values.ts";

export interface SparklineProps {
  readonly line: Values;
  readonly unit: Unit;
  readonly label: string;
  /** Shared by the rows of a table, so that heights compare. */
  readonly max?: number;
  readonly width?: number;
  readonly height?: number;
  readonly colour?: string;
}

/** A line without axes; gaps where there is no data. Its name says first, last and highest. */
export function Sparkline({
  line,
  unit,
  label,
  max,
  width = 96,
  height = 22,
  colour = "var(--secondary)",
}: SparklineProps): ReactElement {
  const values = line.values;
  const top = max ?? highest(values);
  const known = values.filter((value) => value !== null);
  const last = known.at(-1) ?? null;
  const name = `${label}: now ${formatQuantity(last, unit)}, highest ${formatQuantity(known.length === 0 ? null : Math.max(...known), unit)}`;
  const x = (i: number): number => 1 + (i / Math.max(values.length - 1, 1)) * (width - 4);
  const y = (value: number): number => height - 2 - (top <= 0 ? 0 : Math.min(value / top, 1)) * (height - 4);
  const { lines, area } = strokes(values, x, y, height);
  const lastIndex = values.findLastIndex((value) => value !== null);
  return (
    <svg
      className="sparkline"
      role="img"
      aria-label={name}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
    >
      <path d={area} fill={colour} fillOpacity="0.14" />
      <path d={lines} fill="none" stroke={colour} strokeWidth="1.4" strokeLinejoin="round" strokeLinecap="round" />
      {lastIndex >= 0 && <circle cx={x(lastIndex)} cy={y(values[lastIndex]!)} r="1.8" fill={colour} />}
    </svg>
  );
}

export function highest(values: readonly (number | null)[]): number {
  let top = 0;
  for (const value of values) if (value !== null && value > top) top = value;
  return top;
}

/** Path data: a stroke per run of known values, and the area below them. Steps between regular reports are no gaps. */
function strokes(
  values: readonly (number | null)[],
  x: (i: number) => number,
  y: (value: number) => number,
  height: number,
): { lines: string; area: string } {
  let lines = "";
  let area = "";
  let known = 0;
  let last = 0;
  const close = (): void => {
    if (known === 1) lines += "l0.1 0";
    if (known > 0) area += `L${x(last).toFixed(1)} ${height}Z`;
    known = 0;
  };
  for (const [i, value] of joinedValues(values).entries()) {
    if (value === undefined) continue;
    if (value === null) {
      close();
      continue;
    }
    const point = `${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    lines += `${known === 0 ? "M" : "L"}${point}`;
    area += known === 0 ? `M${x(i).toFixed(1)} ${height}L${point}` : `L${point}`;
    known++;
    last = i;
  }
  close();
  return { lines, area };
}
