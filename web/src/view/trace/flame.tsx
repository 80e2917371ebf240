import { type PointerEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { formatDuration } from "../../format/quantity.ts";
import { inkOn, PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { drawOn, useBoxSize, useCanvasFont } from "../../part/canvas.ts";
import { useTheme } from "../../state/preferences.ts";
import { lanesOf } from "./flame-lanes.ts";
import { percentOf, ticksOf } from "./time-scale.ts";
import type { TimeWindow } from "./trace.tsx";
import { segmentsBySpan, type TraceTree } from "./trace-rows.ts";

export interface FlameProps {
  readonly trace: Trace;
  readonly tree: TraceTree;
  readonly view: TimeWindow;
  readonly critical: boolean;
  readonly openIndex: number;
  readonly onOpen: (index: number) => void;
  readonly onView: (view: TimeWindow | null) => void;
}

const ROW = 20;
const AXIS = 24;
const LONGEST_CANVAS = 8000;

/** Time across, calls downward, on one canvas. Press a span to open it, twice to look at its time only. */
export function Flame({ trace, view, critical, openIndex, onOpen, onView }: FlameProps): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { width } = useBoxSize(box);
  const font = useCanvasFont();
  const theme = useTheme();
  const colourOf = useServiceColours();
  const { lane, lanes } = useMemo(() => lanesOf(trace), [trace]);
  const segments = useMemo(() => segmentsBySpan(trace), [trace]);
  const [hover, setHover] = useState<{ index: number; x: number; y: number } | null>(null);
  const height = Math.min(LONGEST_CANVAS, AXIS + lanes * ROW + 8);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn depends on the font, too
  useEffect(() => {
    const context = drawOn(canvas.current, width, height);
    if (context === null) return;
    const palette = PALETTES[theme];
    context.font = '500 12px "Inter", system-ui, sans-serif';
    context.textBaseline = "middle";
    for (const tick of ticksOf(view, 6)) {
      const x = (percentOf(view, tick) / 100) * width;
      context.fillStyle = palette.line;
      context.fillRect(Math.round(x), AXIS - 4, 1, height);
      context.fillStyle = palette.faint;
      context.fillText(formatDuration(tick), Math.min(x + 4, width - 50), 12);
    }
    for (let i = 0; i < trace.spanId.length; i++) {
      const start = trace.offsetNs[i]!;
      const x0 = (percentOf(view, start) / 100) * width;
      const x1 = (percentOf(view, start + trace.durationsNs[i]!) / 100) * width;
      if (x1 < 0 || x0 > width) continue;
      const y = AXIS + lane[i]! * ROW;
      if (y > height) continue;
      const left = Math.max(0, x0);
      const w = Math.max(1, Math.min(width, x1) - left - 1);
      const colour = colourOf(trace.services[trace.service[i]!]!).colour;
      const solid = !critical || segments.has(i);
      if (solid || w < 3) {
        context.fillStyle = colour;
        context.fillRect(left, y, w, ROW - 2);
      } else {
        context.fillStyle = palette.raised;
        context.fillRect(left, y, w, ROW - 2);
        context.strokeStyle = colour;
        context.lineWidth = 1.5;
        context.strokeRect(left + 0.75, y + 0.75, Math.max(w - 1.5, 0.5), ROW - 3.5);
      }
      if (trace.status[i] === 2) {
        context.fillStyle = palette.error;
        context.fillRect(left, y + ROW - 5, w, 3);
      }
      if (i === openIndex) {
        context.strokeStyle = palette.text;
        context.lineWidth = 2;
        context.strokeRect(left, y - 1, w, ROW);
      }
      if (w > 40) {
        const text = plainText(trace.names[trace.name[i]!]!, 120);
        const fits = Math.floor((w - 10) / 6.6);
        context.fillStyle = solid ? inkOn(colour) : palette.text;
        context.fillText(
          text.length > fits ? `${text.slice(0, Math.max(1, fits - 1))}…` : text,
          left + 5,
          y + (ROW - 2) / 2 + 0.5,
        );
      }
    }
  }, [trace, view, width, height, theme, colourOf, lane, segments, critical, openIndex, font]);

  const spanAt = (event: PointerEvent | React.MouseEvent): number => {
    const rect = event.currentTarget.getBoundingClientRect();
    const row = Math.floor((event.clientY - rect.top - AXIS) / ROW);
    const ns = view.startNs + ((event.clientX - rect.left) / Math.max(rect.width, 1)) * (view.endNs - view.startNs);
    const slack = ((view.endNs - view.startNs) / Math.max(rect.width, 1)) * 2;
    for (let i = trace.spanId.length - 1; i >= 0; i--)
      if (
        lane[i] === row &&
        ns >= trace.offsetNs[i]! - slack &&
        ns <= trace.offsetNs[i]! + trace.durationsNs[i]! + slack
      )
        return i;
    return -1;
  };
  return (
    <div className="flame">
      <div ref={box} className="flame-box">
        <canvas
          ref={canvas}
          role="img"
          aria-label="Flame view of the trace; the waterfall tells the same by keyboard"
          onPointerMove={(event) => {
            const index = spanAt(event);
            setHover(index < 0 ? null : { index, x: event.clientX, y: event.clientY });
          }}
          onPointerLeave={() => setHover(null)}
          onClick={(event) => onOpen(spanAt(event))}
          onDoubleClick={(event) => {
            const index = spanAt(event);
            onView(
              index < 0
                ? null
                : {
                    startNs: trace.offsetNs[index]!,
                    endNs: trace.offsetNs[index]! + Math.max(trace.durationsNs[index]!, 1),
                  },
            );
          }}
        />
      </div>
      {hover !== null && (
        <div
          className="flame-hover"
          style={{ left: Math.min(hover.x + 12, innerWidth - 320), top: Math.min(hover.y + 16, innerHeight - 80) }}
        >
          <div>{plainText(trace.names[trace.name[hover.index]!]!, 120)}</div>
          <div className="secondary small">
            {plainText(trace.services[trace.service[hover.index]!]!, 60)} ·{" "}
            {formatDuration(trace.durationsNs[hover.index]!)} · self {formatDuration(trace.selfNs[hover.index]!)}
          </div>
        </div>
      )}
    </div>
  );
}
