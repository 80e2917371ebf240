import { type KeyboardEvent, type PointerEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Heatmap as Answer } from "../../../../src/api/contract/shapes.ts";
import { formatMinute, formatTick, type Zone } from "../../format/clock-time.ts";
import { formatCount, formatDuration, formatRatio } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import type { Selection } from "../../state/address.ts";
import { useTheme } from "../../state/preferences.ts";
import { foldHeatmap, linesOf, rowAt, type ShownHeatmap } from "./folded-heatmap.ts";
import { type Cell, cellAt, paintHeatmap, placeOf, regionOf, sumOf } from "./heatmap-pixels.ts";

export interface HeatmapProps {
  readonly map: Answer;
  readonly zone: Zone;
  readonly nowMs: number;
  readonly selection: Selection | null;
  readonly onSelect: (selection: Selection | null) => void;
  readonly onZoom: (fromMs: number, toMs: number) => void;
}

const TIME_TICKS = 6;
const STRIDE = 10;
const MOVES: Readonly<Record<string, readonly [columns: number, rows: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** Time across, duration upward (log), count as shade, cells with errors outlined. Drag selects; Shift-drag zooms in time. */
export function Heatmap({ map: whole, zone, nowMs, selection, onSelect, onZoom }: HeatmapProps): ReactElement {
  const map = useMemo(() => foldHeatmap(whole), [whole]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const [drag, setDrag] = useState<{ from: Cell; to: Cell; zoom: boolean } | null>(null);
  const [hover, setHover] = useState<{ cell: Cell; x: number; y: number } | null>(null);

  /** Where the keyboard is, and from where it extends. */
  const [cursor, setCursor] = useState<{ at: Cell; from: Cell } | null>(null);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (canvas.current === null || context == null) return;
    canvas.current.width = map.columns;
    canvas.current.height = linesOf(map);
    const image = context.createImageData(map.columns, linesOf(map));
    paintHeatmap(map, PALETTES[theme].amount, image.data);
    context.putImageData(image, 0, 0);
  }, [map, theme]);

  const durationTicks = useMemo(() => decades(map), [map]);
  const outline = useMemo(() => errorOutline(map), [map]);
  const spanMs = map.columns * map.stepMs;
  const timeTicks = useMemo(
    () => timesOf(map.startMs, map.startMs + spanMs, TIME_TICKS, zone),
    [map.startMs, spanMs, zone],
  );
  const region =
    drag !== null
      ? { kind: "region" as const, ...regionOf(map, drag.from, drag.to) }
      : cursor !== null
        ? { kind: "region" as const, ...regionOf(map, cursor.from, cursor.at) }
        : selection?.kind === "region"
          ? selection
          : null;
  const place = region === null ? null : placeOf(map, drag?.zoom ? { ...region, lowNs: null, highNs: null } : region);

  const cellOf = (event: PointerEvent): Cell => {
    const rect = event.currentTarget.getBoundingClientRect();
    return cellAt(
      map,
      (event.clientX - rect.left) / Math.max(rect.width, 1),
      (event.clientY - rect.top) / Math.max(rect.height, 1),
    );
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (move !== undefined) {
      event.preventDefault();
      const stride = event.ctrlKey || event.metaKey ? STRIDE : 1;
      const { at, from } = cursor ?? middleOf(map);
      const next =
        cursor === null
          ? at
          : {
              column: Math.min(Math.max(at.column + move[0] * stride, 0), map.columns - 1),
              row: Math.min(Math.max(at.row + move[1] * stride, 0), map.rows - 1),
            };
      setCursor({ at: next, from: event.shiftKey ? from : next });
    } else if (event.key === "Enter" && cursor !== null) {
      event.preventDefault();
      setCursor(null);
      onSelect({ kind: "region", ...regionOf(map, cursor.from, cursor.at) });
    } else if (event.key === "Escape" && cursor !== null) {
      event.preventDefault();
      setCursor(null);
    }
  };
  const spoken =
    cursor === null ? null : { ...sumOf(map, cursor.from, cursor.at), ...regionOf(map, cursor.from, cursor.at) };
  const hovered =
    hover === null ? null : { ...sumOf(map, hover.cell, hover.cell), ...regionOf(map, hover.cell, hover.cell) };
  const bands = useMemo(() => bandsOf(map), [map]);
  const total = useMemo(() => map.counts.reduce((sum, count) => sum + count, 0), [map]);

  return (
    <div className="heatmap">
      <div className="heatmap-durations" aria-hidden="true">
        {durationTicks.map(({ ns, share }) => (
          <span key={ns} style={{ bottom: `${share * 100}%` }}>
            {formatDuration(ns)}
          </span>
        ))}
        {bands.map((band) => (
          <span key={band.label} title={band.title} style={{ bottom: `${(band.bottom + band.height / 2) * 100}%` }}>
            {band.label}
          </span>
        ))}
      </div>
      <div
        className="heatmap-plot"
        role="application"
        aria-label="Heatmap: arrow keys move, with Shift they extend, Enter selects, Escape leaves"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is interactive, see its role
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setCursor(null)}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const cell = cellOf(event);
          setDrag({ from: cell, to: cell, zoom: event.shiftKey });
        }}
        onPointerMove={(event) => {
          const cell = cellOf(event);
          const rect = event.currentTarget.getBoundingClientRect();
          setHover({ cell, x: event.clientX - rect.left, y: event.clientY - rect.top });
          if (drag !== null) setDrag({ ...drag, to: cell });
        }}
        onPointerLeave={() => setHover(null)}
        onPointerUp={() => {
          if (drag === null) return;
          setDrag(null);
          const chosen = regionOf(map, drag.from, drag.to);
          const single = drag.from.column === drag.to.column && drag.from.row === drag.to.row;
          if (drag.zoom) onZoom(chosen.fromMs, chosen.toMs);
          else if (single && sumOf(map, drag.from, drag.to).count === 0) onSelect(null);
          else onSelect({ kind: "region", ...chosen });
        }}
      >
        <canvas ref={canvas} role="img" aria-label={`Heatmap of ${formatCount(total)} spans over time and duration`} />
        {durationTicks.map(({ ns, share }) => (
          <span key={ns} aria-hidden="true" className="heatmap-line" style={{ bottom: `${share * 100}%` }} />
        ))}
        {bands.map((band) => (
          <span
            key={band.label}
            aria-hidden="true"
            className="heatmap-band"
            style={{ bottom: `${band.bottom * 100}%`, height: `${band.height * 100}%` }}
          />
        ))}
        <svg
          aria-hidden="true"
          className="heatmap-errors"
          viewBox={`0 0 ${map.columns} ${linesOf(map)}`}
          preserveAspectRatio="none"
        >
          <path d={outline} vectorEffect="non-scaling-stroke" />
        </svg>
        {place !== null && (
          <span
            aria-hidden="true"
            className={drag?.zoom ? "heatmap-region zoom" : "heatmap-region"}
            style={{
              left: `${place.left * 100}%`,
              top: `${place.top * 100}%`,
              width: `${place.width * 100}%`,
              height: `${place.height * 100}%`,
            }}
          />
        )}
        {hover !== null && hovered !== null && drag === null && hovered.count > 0 && (
          <div
            className="heatmap-hover small"
            style={
              hover.x > 220
                ? { right: `calc(100% - ${hover.x - 12}px)`, top: Math.max(0, hover.y - 48) }
                : { left: hover.x + 14, top: Math.max(0, hover.y - 48) }
            }
          >
            <strong>{formatCount(hovered.count)} spans</strong>
            {hovered.errors > 0 && (
              <span className="error-text"> {formatRatio(hovered.errors / hovered.count)} failed</span>
            )}
            <div className="secondary">
              {formatDuration(hovered.lowNs)} – {formatDuration(hovered.highNs)} ·{" "}
              {formatMinute(hovered.fromMs, zone, nowMs, true)}
            </div>
          </div>
        )}
      </div>
      <div className="visually-hidden" role="status">
        {spoken !== null &&
          `${formatCount(spoken.count)} spans${spoken.errors > 0 ? `, ${formatCount(spoken.errors)} failed` : ""}, ${formatDuration(spoken.lowNs)} to ${formatDuration(spoken.highNs)}, ${formatMinute(spoken.fromMs, zone, nowMs, true)}`}
      </div>
      <div className="heatmap-times" aria-hidden="true">
        {timeTicks.map((ms) => (
          <span key={ms} style={{ left: `${((ms - map.startMs) / spanMs) * 100}%` }}>
            {formatTick(ms, zone, spanMs / TIME_TICKS, false).split("\n")[0]}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Where the keyboard begins. */
function middleOf(map: ShownHeatmap): { readonly at: Cell; readonly from: Cell } {
  const at = { column: Math.floor(map.columns / 2), row: Math.floor(map.rows / 2) };
  return { at, from: at };
}

interface Band {
  readonly label: string;
  readonly title: string;
  /** Shares of the map's height, from its bottom. */
  readonly bottom: number;
  readonly height: number;
}

/** What stands for all that is faster or slower than the map shows row by row. */
function bandsOf(map: ShownHeatmap): readonly Band[] {
  const lines = linesOf(map);
  const band = (sign: string, row: number, boundNs: number, bottom: number, height: number): Band => ({
    label: `${sign} ${formatDuration(Number(boundNs.toPrecision(2)))}`,
    title: `all from ${formatDuration(map.boundsNs[row]!)} to ${formatDuration(map.boundsNs[row + 1]!)} in one row`,
    bottom: bottom / lines,
    height: height / lines,
  });
  const last = map.rows - 1;
  return [
    ...(map.below > 1 ? [band("<", 0, map.boundsNs[1]!, 0, map.below)] : []),
    ...(map.above > 1 ? [band("≥", last, map.boundsNs[last]!, lines - map.above, map.above)] : []),
  ];
}

/** Powers of ten within the bounds, with their place from the bottom. */
function decades(map: ShownHeatmap): readonly { readonly ns: number; readonly share: number }[] {
  // The bands at the edges have a label of their own.
  const low = Math.max(map.boundsNs[map.below > 1 ? 1 : 0] ?? 1, 1);
  const high = map.boundsNs[map.above > 1 ? map.rows - 1 : map.rows] ?? low;
  const ticks: { ns: number; share: number }[] = [];
  for (let ns = 10 ** Math.ceil(Math.log10(low)); ns <= high && ticks.length < 12; ns *= 10) {
    const place = placeOf(map, { fromMs: map.startMs, toMs: map.startMs + 1, lowNs: ns, highNs: null });
    if (place !== null && place.height > 0.04) ticks.push({ ns, share: 1 - place.height });
  }
  return ticks;
}

/** The outline of the cells where something failed, as path data in cells: only edges towards cells without errors. */
function errorOutline(map: ShownHeatmap): string {
  const lines = linesOf(map);
  const failed = (column: number, line: number): boolean =>
    column >= 0 &&
    column < map.columns &&
    line >= 0 &&
    line < lines &&
    (map.errors[column * map.rows + rowAt(map, line)] ?? 0) > 0;
  let path = "";
  for (let column = 0; column < map.columns; column++)
    for (let line = 0; line < lines; line++) {
      if (!failed(column, line)) continue;
      const top = lines - 1 - line;
      if (!failed(column - 1, line)) path += `M${column} ${top}v1`;
      if (!failed(column + 1, line)) path += `M${column + 1} ${top}v1`;
      if (!failed(column, line + 1)) path += `M${column} ${top}h1`;
      if (!failed(column, line - 1)) path += `M${column} ${top + 1}h1`;
    }
  return path;
}

/** Round times of the clock inside the range. */
function timesOf(fromMs: number, toMs: number, wanted: number, zone: Zone): readonly number[] {
  const steps = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
  ].map((seconds) => seconds * 1000);
  const step = steps.find((size) => (toMs - fromMs) / size <= wanted) ?? steps.at(-1)!;
  const shift = zone === "utc" ? 0 : new Date(fromMs).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((fromMs - shift) / step) * step + shift; at < toMs; at += step) ticks.push(at);
  return ticks;
}
