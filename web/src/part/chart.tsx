import { type ReactElement, useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatMinute, formatTick, type Zone } from "../format/clock-time.ts";
import { plainText } from "../format/hostile.ts";
import { exact, formatMeasure, type Unit } from "../format/quantity.ts";
import { PALETTES } from "../look/palette.ts";
import { useTheme } from "../state/preferences.ts";
import { axisText, linearMarks, logarithmicMarks, logarithmicRange } from "./axis.ts";
import { useBoxSize, useCanvasFont } from "./canvas.ts";
import { Icon } from "./icon.tsx";
import { joinedValues } from "./joined-values.ts";
import "./chart.css";

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A palette value, not a variable: charts draw on canvas. */
  readonly colour: string;
  readonly dashed?: boolean;
}

export interface ChartMark {
  readonly timeMs: number;
  readonly label: string;
  readonly kind: "deploy" | "fault" | "incident";
}

export interface ChartPoint {
  readonly timeMs: number;
  readonly value: number;
  readonly id: string;
}

export interface ChartProps {
  /** What it shows; its name for everybody. */
  readonly name: string;
  readonly unit: Unit;
  /** Printed after numbers, as `formatMeasure` takes it. */
  readonly suffix?: string;
  readonly startMs: number;
  readonly stepMs: number;
  /** Where the time axis ends at least; else where the series end. */
  readonly endMs?: number;
  readonly series: readonly ChartSeries[];
  /** `bars` stack from the first series up; `lines` are drawn as they are. */
  readonly mode: "lines" | "bars";
  /** For durations: what is twice as long stands as far above, wherever it is. Zeros are gaps then. */
  readonly logarithmic?: boolean;
  readonly height: number;
  readonly zone: Zone;
  readonly nowMs: number;
  readonly onZoom?: (fromMs: number, toMs: number) => void;
  /** Dragging with Shift. */
  readonly onCompare?: (fromMs: number, toMs: number) => void;
  readonly marks?: readonly ChartMark[];
  /** Exemplars: diamonds that lead to a trace. */
  readonly points?: readonly ChartPoint[];
  readonly onPoint?: (id: string) => void;
  readonly legend?: boolean;
}

const MOST_STEPS = 2000;
const HATCH_PX = 6;
const POINT_PX = 5;

/** A chart over time: crosshair shared by the page, gaps where there is no data, the unfinished bucket hatched. */
export function Chart(props: ChartProps): ReactElement {
  const { name, unit, suffix = "", startMs, stepMs, series, mode, height, zone, nowMs, legend = true } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const { width } = useBoxSize(box);
  const theme = useTheme();
  const id = useId();
  const [at, setAt] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const latest = useRef(props);
  latest.current = props;

  const { endMs } = props;
  const times = useMemo(() => {
    const wanted = endMs === undefined || stepMs <= 0 ? 0 : Math.min(MOST_STEPS, Math.ceil((endMs - startMs) / stepMs));
    const length = Math.max(0, wanted, ...series.map(({ values }) => values.length));
    return Array.from({ length }, (_, i) => (startMs + i * stepMs) / 1000);
  }, [startMs, stepMs, endMs, series]);
  const data = useMemo(
    () => dataOf(times, series, mode, props.logarithmic === true),
    [times, series, mode, props.logarithmic],
  );
  const labels = series.map(({ label }) => label).join("\u0000");
  const colours = series.map(({ colour }) => colour).join();

  // The plot is made anew only when its shape changes; new data flows into the one there is.
  // biome-ignore lint/correctness/useExhaustiveDependencies: labels and colours stand for the series
  useEffect(() => {
    const element = box.current;
    if (element === null || width === 0 || asTable) return;
    const made = new uPlot(optionsOf(latest, width, theme, setAt), data as uPlot.AlignedData, element);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [width === 0, theme, labels, colours, mode, unit, height, zone, asTable, props.logarithmic]);
  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [data]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);
  const font = useCanvasFont();
  useEffect(() => {
    if (font) plot.current?.redraw(false, true);
  }, [font]);

  const index = at;
  const shownOf = (values: readonly (number | null)[]): number | null =>
    index !== null ? (values[index] ?? null) : mode === "bars" ? sumOf(values) : lastKnown(values);
  const print = (value: number | null): string => formatMeasure(value, unit, suffix);
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption className="chart-head">
        <span id={id} className="chart-name">
          {name}
        </span>
        <span className="chart-time faint small">
          {index === null ? "" : formatMinute(times[index]! * 1000, zone, nowMs, stepMs < 60_000)}
        </span>
        <span className="grow" />
        <button
          type="button"
          className="icon-button small chart-table-button"
          aria-label={asTable ? `${name} as chart` : `${name} as table`}
          aria-pressed={asTable}
          title={asTable ? "As chart" : "As table"}
          onClick={() => setAsTable(!asTable)}
        >
          <Icon name="table" size={14} />
        </button>
      </figcaption>
      {asTable ? (
        <ChartTable {...props} times={times} print={print} />
      ) : (
        <div
          ref={box}
          className="chart-box"
          role="img"
          aria-label={`${name}: ${series.map(({ label, values }) => `${plainText(label, 40)} ${print(mode === "bars" ? sumOf(values) : lastKnown(values))}`).join(", ") || "no data"}`}
          style={{ height }}
        />
      )}
      {legend && !asTable && series.length > 0 && (
        <ul className="chart-legend">
          {series.slice(0, 12).map(({ label, values, colour, dashed }, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: labels may repeat; the order is the identity
            <li key={i}>
              <span
                aria-hidden="true"
                className={dashed === true ? "legend-line dashed" : mode === "bars" ? "legend-box" : "legend-line"}
                style={{ color: colour }}
              />
              <span className="cut">{plainText(label, 60)}</span>
              <span className="legend-value" title={exact(shownOf(values), unit)}>
                {print(shownOf(values))}
              </span>
            </li>
          ))}
          {series.length > 12 && <li className="faint">and {series.length - 12} more</li>}
        </ul>
      )}
    </figure>
  );
}

/** Amounts add up: with no pointer on the chart, its legend says how much there is in all. */
function sumOf(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function lastKnown(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** uPlot's columns: for bars, running sums from the last series to the first, so that the largest is drawn first. */
function dataOf(
  times: readonly number[],
  series: readonly ChartSeries[],
  mode: "lines" | "bars",
  logarithmic: boolean,
): (readonly number[] | (number | null | undefined)[])[] {
  if (mode === "lines")
    return [
      times,
      ...series.map(({ values }) =>
        joinedValues(times.map((_, i) => (logarithmic && values[i] === 0 ? null : (values[i] ?? null)))),
      ),
    ];
  const sums: (number | null)[][] = [];
  const running = times.map(() => 0);
  for (const { values } of series) {
    sums.push(
      times.map((_, i) => {
        running[i]! += values[i] ?? 0;
        return running[i] === 0 ? null : running[i]!;
      }),
    );
  }
  return [times, ...sums.reverse()];
}

function optionsOf(
  latest: { readonly current: ChartProps },
  width: number,
  theme: keyof typeof PALETTES,
  setAt: (at: number | null) => void,
): uPlot.Options {
  const { series, mode, height, zone, unit, suffix = "", logarithmic } = latest.current;
  const palette = PALETTES[theme];
  const font = '12px "Inter", system-ui, sans-serif';
  const drawn = mode === "bars" ? [...series].reverse() : series;
  const axis = {
    stroke: palette.faint,
    font,
    grid: { stroke: palette.line, width: 1 },
    ticks: { show: false },
  } satisfies uPlot.Axis;
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "page" },
      drag: { x: true, y: false, setScale: false },
      points: { show: mode === "lines", size: 6 },
      focus: { prox: 24 },
      bind: { dblclick: () => null },
    },
    scales: {
      x: {
        time: true,
        range: (_plot, low, high) => [low ?? 0, (high ?? 1) + (mode === "bars" ? latest.current.stepMs / 1000 : 0)],
      },
      y:
        logarithmic === true
          ? {
              distr: 3,
              range: (_plot, low, high) => {
                const [from, to] = logarithmicRange(low ?? 1, high ?? low ?? 1, unit);
                return [from, to];
              },
            }
          : { range: (_plot, _low, high) => [0, high === null || high <= 0 ? 1 : high * 1.08] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        gap: 4,
        grid: { show: false },
        space: 84,
        values: (_plot, splits) =>
          splits.map(
            (split) =>
              formatTick(split * 1000, zone, ((splits[1] ?? split + 60) - (splits[0] ?? split)) * 1000, false).split(
                "\n",
              )[0]!,
          ),
      },
      {
        ...axis,
        size: 64,
        gap: 6,
        splits: (plot: uPlot, _axis: number, low: number, high: number) => {
          const heightPx = plot.bbox.height / devicePixelRatio;
          return logarithmic === true
            ? logarithmicMarks(low, high, unit, Math.max(2, Math.floor(heightPx / 22)))
            : linearMarks(high, unit, Math.max(2, Math.floor(heightPx / 32)));
        },
        filter: (_plot, splits) => splits,
        values: (_plot, splits) => axisText(splits, unit, suffix),
      },
    ],
    series: [
      {},
      ...drawn.map(
        ({ label, colour, dashed }): uPlot.Series => ({
          label,
          stroke: colour,
          width: mode === "bars" ? 0 : 1.6,
          ...(dashed === true ? { dash: [5, 4] } : {}),
          ...(mode === "bars"
            ? { fill: colour, paths: uPlot.paths.bars!({ size: [0.86, 40], align: 1, radius: 0.1 }) }
            : { spanGaps: false }),
          points: { show: mode === "lines" ? (plot, index) => lonely(plot, index) : false, size: 4 },
        }),
      ),
    ],
    hooks: {
      setCursor: [(plot) => setAt(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide < 4) return;
          const from = plot.posToVal(left, "x") * 1000;
          const to = plot.posToVal(left + wide, "x") * 1000;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const { onZoom, onCompare } = latest.current;
          if (shiftHeld && onCompare !== undefined) onCompare(from, to);
          else onZoom?.(from, to);
        },
      ],
      draw: [
        (plot) => {
          hatchUnfinished(plot, latest.current, palette.faint);
          drawMarks(plot, latest.current.marks ?? [], palette.secondary, font);
          drawPoints(plot, latest.current.points ?? [], palette.text, palette.panel);
        },
      ],
      ready: [
        (plot) => {
          plot.over.addEventListener("click", (event) => {
            const point = nearestPoint(plot, latest.current.points ?? [], event.offsetX, event.offsetY);
            if (point !== null) latest.current.onPoint?.(point.id);
          });
          plot.over.addEventListener("mousemove", (event) => {
            plot.over.classList.toggle(
              "on-point",
              nearestPoint(plot, latest.current.points ?? [], event.offsetX, event.offsetY) !== null,
            );
          });
        },
      ],
    },
  };
}

let shiftHeld = false;
if (typeof document !== "undefined") {
  const note = (event: MouseEvent | KeyboardEvent): void => {
    shiftHeld = event.shiftKey;
  };
  for (const type of ["keydown", "keyup", "mousedown", "mouseup"] as const) document.addEventListener(type, note, true);
}

/** A value with no neighbour would be invisible as a line. */
function lonely(plot: uPlot, index: number): boolean {
  const values = plot.data[index];
  return values?.some((value, i) => value != null && isBreak(values, i - 1) && isBreak(values, i + 1)) ?? false;
}

function isBreak(values: ArrayLike<number | null | undefined>, index: number): boolean {
  return index < 0 || index >= values.length || values[index] === null;
}

/** The last bucket is not over yet: what it shows will grow. */
function hatchUnfinished(plot: uPlot, { startMs, stepMs, nowMs, series, mode }: ChartProps, colour: string): void {
  const count = Math.max(0, ...series.map(({ values }) => values.length));
  if (count === 0) return;
  const lastMs = startMs + (count - 1) * stepMs;
  if (lastMs + stepMs <= nowMs) return;
  const { ctx, bbox } = plot;
  const from = Math.max(bbox.left, plot.valToPos((mode === "bars" ? lastMs : lastMs - stepMs) / 1000, "x", true));
  const to = Math.min(
    bbox.left + bbox.width,
    plot.valToPos((mode === "bars" ? lastMs + stepMs : lastMs) / 1000, "x", true),
  );
  if (to <= from) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(from, bbox.top, to - from, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.5;
  ctx.lineWidth = 1;
  for (let x = from - bbox.height; x < to; x += HATCH_PX * devicePixelRatio) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
    ctx.stroke();
  }
  ctx.restore();
}

const MARK_SIGNS: Readonly<Record<ChartMark["kind"], string>> = { deploy: "▲", fault: "⚡", incident: "●" };

function drawMarks(plot: uPlot, marks: readonly ChartMark[], colour: string, font: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.font = font.replace("12px", `${12 * devicePixelRatio}px`);
  ctx.setLineDash([4, 3]);
  for (const mark of marks) {
    const x = plot.valToPos(mark.timeMs / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(`${MARK_SIGNS[mark.kind]} ${plainText(mark.label, 30)}`, x + 4, bbox.top + 12 * devicePixelRatio);
  }
  ctx.restore();
}

function drawPoints(plot: uPlot, points: readonly ChartPoint[], fill: string, edge: string): void {
  const { ctx } = plot;
  const size = POINT_PX * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = fill;
  ctx.strokeStyle = edge;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const point of points) {
    const x = plot.valToPos(point.timeMs / 1000, "x", true);
    const y = plot.valToPos(point.value, "y", true);
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function nearestPoint(plot: uPlot, points: readonly ChartPoint[], x: number, y: number): ChartPoint | null {
  let best: ChartPoint | null = null;
  let least = 10;
  for (const point of points) {
    const distance = Math.hypot(plot.valToPos(point.timeMs / 1000, "x") - x, plot.valToPos(point.value, "y") - y);
    if (distance < least) {
      least = distance;
      best = point;
    }
  }
  return best;
}

const MOST_TABLE_ROWS = 500;

function ChartTable({
  name,
  series,
  times,
  zone,
  nowMs,
  stepMs,
  height,
  print,
  points,
  onPoint,
}: ChartProps & { readonly times: readonly number[]; readonly print: (value: number | null) => string }): ReactElement {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="chart-table" aria-label={`${name} as table`} tabIndex={0} style={{ height }}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map(({ label }, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: labels may repeat
              <th key={i} scope="col" className="number">
                {plainText(label, 60)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.slice(-MOST_TABLE_ROWS).map((time, offset) => {
            const i = Math.max(0, times.length - MOST_TABLE_ROWS) + offset;
            return (
              <tr key={time}>
                <th scope="row">{formatMinute(time * 1000, zone, nowMs, stepMs < 60_000)}</th>
                {series.map(({ values }, column) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: columns are the series
                  <td key={column} className="number">
                    {print(values[i] ?? null)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {points !== undefined && points.length > 0 && (
        <ul className="chart-points">
          {points.map((point) => (
            <li key={`${point.id} ${point.timeMs}`}>
              <button type="button" className="link" onClick={() => onPoint?.(point.id)}>
                trace {point.id.slice(0, 8)}, {print(point.value)} at {formatMinute(point.timeMs, zone, nowMs, true)}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
