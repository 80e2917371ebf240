import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { exact, formatCount, formatDuration } from "../../format/quantity.ts";
import { type ServiceColour, useServiceColours } from "../../look/service-colour.ts";
import { Icon } from "../../part/icon.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { Swatch } from "../../part/service-name.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { percentOf, ticksOf } from "./time-scale.ts";
import type { TimeWindow } from "./trace.tsx";
import { linesOf, type Openness, reveal, segmentsBySpan, type TraceLine, type TraceTree } from "./trace-rows.ts";

export interface WaterfallProps {
  readonly trace: Trace;
  readonly tree: TraceTree;
  readonly view: TimeWindow;
  readonly critical: boolean;
  readonly openIndex: number;
  readonly onOpen: (index: number) => void;
  /** Spans that the search found, or null when nothing is searched. */
  readonly found: readonly number[] | null;
}

const INDENT_PX = 14;
const DEEPEST_INDENT = 24;
const MOST_SEGMENTS = 16;
const MOST_TICKS = 12;
const SETTLE_MS = 120;

/** Rows of the tree beside bars of time; only rows in sight exist. `j k ← →` walk it. */
export function Waterfall({ trace, tree, view, critical, openIndex, onOpen, found }: WaterfallProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const colourOf = useServiceColours();
  const [openness, setOpenness] = useState<Openness>({ closed: new Set(), unfolded: new Set() });
  const [cursor, setCursor] = useState(0);
  const lines = useMemo(() => linesOf(trace, tree, openness), [trace, tree, openness]);
  const segments = useMemo(() => segmentsBySpan(trace), [trace]);
  const foundSet = useMemo(() => (found === null ? null : new Set(found)), [found]);
  const colours = useMemo(() => trace.services.map((service) => colourOf(service)), [trace, colourOf]);
  const ticks = useMemo(() => ticksOf(view, 6), [view]);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  const { scrollToIndex, measure } = virtual;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new row height invalidates what was measured
  useEffect(() => measure(), [measure, rowHeight]);

  // What is opened from elsewhere (address, search, comparison) comes into sight.
  const shown = useRef(-1);
  useEffect(() => {
    if (openIndex < 0 || shown.current === openIndex) return;
    const at = lines.findIndex((line) => line.kind === "span" && line.index === openIndex);
    if (at < 0) {
      setOpenness((current) => reveal(trace, tree, openIndex, current));
      return;
    }
    shown.current = openIndex;
    setCursor(at);
    scrollToIndex(at, { align: "auto" });
  }, [openIndex, lines, trace, tree, scrollToIndex]);

  // Walking with keys changes the address only once it settles.
  const settle = useRef<ReturnType<typeof setTimeout>>(undefined);
  const moveTo = useCallback(
    (at: number) => {
      const next = Math.max(0, Math.min(lines.length - 1, at));
      setCursor(next);
      scrollToIndex(next, { align: "auto" });
      clearTimeout(settle.current);
      const line = lines[next];
      settle.current = setTimeout(() => {
        if (line?.kind !== "span") return;
        shown.current = line.index;
        onOpen(line.index);
      }, SETTLE_MS);
    },
    [lines, scrollToIndex, onOpen],
  );
  useEffect(() => () => clearTimeout(settle.current), []);

  const toggle = useCallback((line: TraceLine) => {
    setOpenness((current) => {
      if (line.kind === "fold") {
        const unfolded = new Set(current.unfolded);
        if (!unfolded.delete(line.key)) unfolded.add(line.key);
        return { ...current, unfolded };
      }
      const closed = new Set(current.closed);
      if (!closed.delete(line.index)) closed.add(line.index);
      return { ...current, closed };
    });
  }, []);

  const walk = useCallback(
    (key: string): boolean => {
      const line = lines[cursor];
      if (line === undefined) return false;
      const expandable = line.kind === "fold" || line.children > 0;
      switch (key) {
        case "j":
        case "ArrowDown":
          moveTo(cursor + 1);
          return true;
        case "k":
        case "ArrowUp":
          moveTo(cursor - 1);
          return true;
        case "ArrowRight":
          if (expandable && !line.open) toggle(line);
          else if (expandable) moveTo(cursor + 1);
          return true;
        case "ArrowLeft":
          if (expandable && line.open && (line.kind === "fold" || line.children > 0)) toggle(line);
          else moveTo(lines.findLastIndex((other, i) => i < cursor && other.depth < line.depth));
          return true;
        case "Home":
          moveTo(0);
          return true;
        case "End":
          moveTo(lines.length - 1);
          return true;
        case "PageDown":
          moveTo(cursor + 20);
          return true;
        case "PageUp":
          moveTo(cursor - 20);
          return true;
        case "Enter":
          if (line.kind === "fold") toggle(line);
          else onOpen(line.index);
          return true;
        default:
          return false;
      }
    },
    [lines, cursor, moveTo, toggle, onOpen],
  );

  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      // Anywhere on the page that has no use for the key itself.
      if (event.target !== document.body && !(event.target instanceof HTMLElement && event.target.id === "main"))
        return;
      if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
      if (walk(event.key)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [walk]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.metaKey || event.ctrlKey || event.altKey) return;
    if (walk(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };

  return (
    <div className="waterfall">
      <div className="wf-axis" aria-hidden="true">
        <div className="wf-axis-name">Span</div>
        <div className="wf-axis-self">Self</div>
        <div className="wf-axis-time">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${percentOf(view, tick)}%` }}>
              {formatDuration(tick)}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={scroller}
        className="wf-scroller"
        role="treegrid"
        aria-label="Spans of the trace"
        aria-rowcount={lines.length}
        aria-activedescendant={lines.length > 0 ? `wf-${cursor}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="rowgroup" className="wf-rows" style={{ height: virtual.getTotalSize() }}>
          <div className="wf-grid" aria-hidden="true">
            <div>
              {ticks.map((tick) => (
                <span key={tick} style={{ left: `${percentOf(view, tick)}%` }} />
              ))}
            </div>
          </div>
          {virtual.getVirtualItems().map((item) => (
            <Row
              key={item.key}
              at={item.index}
              top={item.start}
              height={rowHeight}
              line={lines[item.index]!}
              trace={trace}
              tree={tree}
              view={view}
              colours={colours}
              critical={critical}
              segments={segments}
              cursor={item.index === cursor}
              openIndex={openIndex}
              foundSet={foundSet}
              onToggle={toggle}
              onPress={moveTo}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  readonly at: number;
  readonly top: number;
  readonly height: number;
  readonly line: TraceLine;
  readonly trace: Trace;
  readonly tree: TraceTree;
  readonly view: TimeWindow;
  readonly colours: readonly ServiceColour[];
  readonly critical: boolean;
  readonly segments: ReadonlyMap<number, readonly (readonly [number, number])[]>;
  readonly cursor: boolean;
  readonly openIndex: number;
  readonly foundSet: ReadonlySet<number> | null;
  readonly onToggle: (line: TraceLine) => void;
  readonly onPress: (at: number) => void;
}

/** Scrolling renders the waterfall anew for each frame; rows that stay in sight must not cost anything then. */
const Row = memo(function Row(props: RowProps): ReactElement {
  const { at, top, height, line, trace, tree, colours, cursor, openIndex, foundSet, onToggle, onPress } = props;
  const index = line.kind === "span" ? line.index : line.members[0]!;
  const name = trace.names[trace.name[index]!] ?? "";
  const service = trace.services[trace.service[index]!] ?? "";
  const colour = colours[trace.service[index]!]!;
  const expandable = line.kind === "fold" || line.children > 0;
  const failed =
    line.kind === "span" ? trace.status[index] === 2 : line.members.some((member) => trace.status[member] === 2);
  const self =
    line.kind === "span" ? trace.selfNs[index]! : line.members.reduce((sum, member) => sum + trace.selfNs[member]!, 0);
  const duration =
    line.kind === "span"
      ? trace.durationsNs[index]!
      : line.members.reduce((sum, member) => sum + trace.durationsNs[member]!, 0);
  const logs = line.kind === "span" ? (trace.logCount[index] ?? 0) : 0;
  const dim =
    foundSet !== null &&
    !(line.kind === "span" ? foundSet.has(index) : line.members.some((member) => foundSet.has(member)));
  const label = `${plainText(service, 60)} ${plainText(name, 120)}${line.kind === "fold" ? `, ${line.members.length} times` : ""}, ${formatDuration(duration)}${failed ? ", failed" : ""}`;
  const className = `wf-row${cursor ? " cursor" : ""}${line.kind === "span" && index === openIndex ? " open" : ""}${foundSet !== null && !dim ? " found" : ""}${failed ? " failed" : ""}`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows of a tree grid
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are the grid's
    // biome-ignore lint/a11y/useFocusableInteractive: the grid holds the focus and names its active row
    <div
      id={`wf-${at}`}
      role="row"
      aria-level={line.depth + 1}
      aria-rowindex={at + 1}
      aria-expanded={expandable ? line.open : undefined}
      aria-selected={line.kind === "span" && index === openIndex}
      aria-label={label}
      className={className}
      style={{ transform: `translateY(${top}px)`, height }}
      onClick={() => {
        if (line.kind === "fold") onToggle(line);
        onPress(at);
      }}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: cells of a tree grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
      <div
        role="gridcell"
        className="wf-name"
        style={{ paddingLeft: 8 + Math.min(line.depth, DEEPEST_INDENT) * INDENT_PX }}
      >
        {expandable ? (
          <button
            type="button"
            tabIndex={-1}
            className="wf-toggle"
            aria-label={line.open ? "Close" : "Open"}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(line);
            }}
          >
            <Icon name={line.open ? "down" : "right"} size={12} />
          </button>
        ) : (
          <span className="wf-toggle" />
        )}
        <Swatch colour={colour} />
        {failed && (
          <span className="error-text wf-flag" title="Failed">
            <Icon name="error" size={14} />
          </span>
        )}
        <span className="cut wf-title">
          <TelemetryText text={name} max={200} />
        </span>
        {line.kind === "fold" && <span className="badge wf-times">×{line.members.length}</span>}
        <span className="cut faint wf-service">
          <TelemetryText text={service} max={60} />
        </span>
        {line.kind === "span" && trace.parent[index] === -2 && (
          <span className="badge warn wf-flag" title="Its parent span was not received, or not yet">
            no parent
          </span>
        )}
        {line.kind === "span" && !line.open && line.children > 0 && (
          <span className="faint small" title="Spans below">
            +{formatCount(tree.below[index]!)}
          </span>
        )}
        {logs > 0 && (
          <span className="faint small wf-logs" title={`${logs} log lines`}>
            <Icon name="logs" size={12} />
            {formatCount(logs)}
          </span>
        )}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: cells of a tree grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
      <div role="gridcell" className="wf-self" title={`self ${exact(self, "ns")}`}>
        <span
          aria-hidden="true"
          style={{
            width: `${Math.min(100, (self / Math.max(trace.durationNs, 1)) * 100)}%`,
            background: colour.variable,
          }}
        />
        {formatDuration(self)}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: cells of a tree grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: as above */}
      <div role="gridcell" className="wf-time">
        {line.kind === "span" ? (
          <Bar {...props} index={index} colour={colour} />
        ) : (
          <FoldBar {...props} members={line.members} colour={colour} />
        )}
      </div>
    </div>
  );
});

/** Left and width in percent, clipped to the window; null where it is out of sight. */
function placed(view: TimeWindow, startNs: number, endNs: number): { left: number; width: number } | null {
  const from = Math.max(0, percentOf(view, startNs));
  const to = Math.min(100, percentOf(view, endNs));
  return to < 0 || from > 100 ? null : { left: from, width: Math.max(to - from, 0) };
}

function Bar({
  trace,
  view,
  critical,
  segments,
  index,
  colour,
}: RowProps & { readonly index: number; readonly colour: ServiceColour }): ReactElement | null {
  const start = trace.offsetNs[index]!;
  const end = start + trace.durationsNs[index]!;
  const place = placed(view, start, end);
  const path = segments.get(index);
  const solid = critical ? merged(path ?? []) : [[start, end] as const];
  const ticks = (trace.events[index] ?? []).slice(0, MOST_TICKS);
  return (
    <>
      {place !== null && (
        <span
          className="wf-bar"
          style={{ left: `${place.left}%`, width: `${place.width}%`, borderColor: colour.variable }}
        />
      )}
      {solid.map(([from, to]) => {
        const part = placed(view, from, to);
        return part === null ? null : (
          <span
            key={from}
            className="wf-solid"
            style={{ left: `${part.left}%`, width: `${part.width}%`, background: colour.variable }}
          />
        );
      })}
      {ticks.map((tick, i) => {
        const left = percentOf(view, tick);
        // biome-ignore lint/suspicious/noArrayIndexKey: events may share an offset
        return left < 0 || left > 100 ? null : <span key={i} className="wf-tick" style={{ left: `${left}%` }} />;
      })}
      <Label view={view} start={start} end={end} text={formatDuration(end - start)} title={exact(end - start, "ns")} />
    </>
  );
}

function FoldBar({
  trace,
  view,
  members,
  colour,
}: RowProps & { readonly members: readonly number[]; readonly colour: ServiceColour }): ReactElement {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  let sum = 0;
  for (const member of members) {
    start = Math.min(start, trace.offsetNs[member]!);
    end = Math.max(end, trace.offsetNs[member]! + trace.durationsNs[member]!);
    sum += trace.durationsNs[member]!;
  }
  const place = placed(view, start, end);
  return (
    <>
      {place !== null && (
        <span
          className="wf-bar fold"
          style={{ left: `${place.left}%`, width: `${place.width}%`, borderColor: colour.variable }}
        />
      )}
      <Label
        view={view}
        start={start}
        end={end}
        text={`Σ ${formatDuration(sum)}`}
        title={`${members.length} spans, ${exact(sum, "ns")} together`}
      />
    </>
  );
}

/** Beside the bar where there is room: right of it, left of it, or inside. */
function Label({
  view,
  start,
  end,
  text,
  title,
}: {
  readonly view: TimeWindow;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly title: string;
}): ReactElement | null {
  const from = percentOf(view, start);
  const to = percentOf(view, end);
  if (to < 0) return <span className="wf-label edge">‹ {text}</span>;
  if (from > 100) return <span className="wf-label edge right">{text} ›</span>;
  if (to < 86)
    return (
      <span className="wf-label" title={title} style={{ left: `calc(${Math.max(to, 0)}% + 4px)` }}>
        {text}
      </span>
    );
  if (from > 14)
    return (
      <span className="wf-label" title={title} style={{ right: `calc(${100 - from}% + 4px)` }}>
        {text}
      </span>
    );
  return (
    <span className="wf-label inside" title={title}>
      {text}
    </span>
  );
}

/** Many tiny segments as few: what lies next to each other is joined until at most MOST_SEGMENTS remain. */
function merged(path: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (path.length <= MOST_SEGMENTS) return path;
  const size = Math.ceil(path.length / MOST_SEGMENTS);
  const sorted = [...path].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  for (let i = 0; i < sorted.length; i += size)
    out.push([sorted[i]![0], sorted[Math.min(i + size, sorted.length) - 1]![1]]);
  return out;
}
