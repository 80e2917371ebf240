import { type PointerEvent, type ReactElement, useEffect, useRef, useState } from "react";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { formatDuration } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { drawOn, useBoxSize } from "../../part/canvas.ts";
import { useTheme } from "../../state/preferences.ts";
import type { TimeWindow } from "./trace.tsx";

const HEIGHT = 64;

/** The whole trace at a glance, on canvas; drag to look at a part of it, double press for the whole. */
export function Minimap({
  trace,
  view,
  onView,
}: {
  readonly trace: Trace;
  readonly view: TimeWindow;
  readonly onView: (view: TimeWindow | null) => void;
}): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { width } = useBoxSize(box);
  const colourOf = useServiceColours();
  const theme = useTheme();
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const whole = Math.max(trace.durationNs, 1);

  useEffect(() => {
    const context = drawOn(canvas.current, width, HEIGHT);
    if (context === null) return;
    const palette = PALETTES[theme];
    const count = trace.spanId.length;
    const colours = trace.services.map((service) => colourOf(service).colour);
    const rows = Math.max(1, count);
    const thick = Math.max(1, Math.min(4, (HEIGHT - 8) / rows - 0.5));
    for (let i = 0; i < count; i++) {
      const x = (trace.offsetNs[i]! / whole) * width;
      const w = Math.max(1, (trace.durationsNs[i]! / whole) * width);
      context.fillStyle = trace.status[i] === 2 ? palette.error : colours[trace.service[i]!]!;
      context.fillRect(x, 4 + (i / rows) * (HEIGHT - 8), w, thick);
    }
  }, [trace, width, theme, colourOf, whole]);

  const nsAt = (event: PointerEvent): number => {
    const rect = event.currentTarget.getBoundingClientRect();
    return (Math.min(Math.max(event.clientX - rect.left, 0), rect.width) / Math.max(rect.width, 1)) * whole;
  };
  const shown = drag === null ? view : { startNs: Math.min(drag.from, drag.to), endNs: Math.max(drag.from, drag.to) };
  const left = (shown.startNs / whole) * 100;
  const right = 100 - (shown.endNs / whole) * 100;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the brush is for pointers; keys step through the waterfall instead
    <div
      ref={box}
      className="minimap"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const at = nsAt(event);
        setDrag({ from: at, to: at });
      }}
      onPointerMove={(event) => drag !== null && setDrag({ from: drag.from, to: nsAt(event) })}
      onPointerUp={() => {
        if (drag !== null && Math.abs(drag.to - drag.from) > whole / 200)
          onView({
            startNs: Math.round(Math.min(drag.from, drag.to)),
            endNs: Math.round(Math.max(drag.from, drag.to)),
          });
        setDrag(null);
      }}
      onDoubleClick={() => onView(null)}
    >
      <canvas
        ref={canvas}
        role="img"
        aria-label={`All ${trace.spanId.length} spans over ${formatDuration(trace.durationNs)}`}
      />
      <span aria-hidden="true" className="minimap-out" style={{ left: 0, width: `${left}%` }} />
      <span aria-hidden="true" className="minimap-out" style={{ right: 0, width: `${right}%` }} />
      {(left > 0 || right > 0) && (
        <span aria-hidden="true" className="minimap-in" style={{ left: `${left}%`, right: `${right}%` }} />
      )}
    </div>
  );
}
