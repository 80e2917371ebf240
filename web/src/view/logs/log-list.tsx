import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, type ReactElement, useEffect, useRef, useState } from "react";
import type { LogRow } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { severityOf } from "../../format/severity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { useRowHeight } from "../../part/row-height.ts";
import { useScrollMemory } from "../../part/scroll-memory.ts";
import { ServiceName } from "../../part/service-name.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { TimeText } from "../../part/time-text.tsx";
import { openValueMenu } from "../../part/value-handle.tsx";
import { LogDetail } from "./log-detail.tsx";
import { fieldOf } from "./log-lines.ts";

export interface LogListProps {
  readonly rows: readonly LogRow[];
  readonly columns: readonly string[];
  readonly wrap: boolean;
  /** What the search found in a body, see searchHits. */
  readonly hits: RegExp | null;
  readonly openId: string | undefined;
  readonly onOpen: (id: string | undefined) => void;
  readonly onEnd: () => void;
  readonly onTop: (atTop: boolean) => void;
  readonly fetching: boolean;
}

/** Lines, of which only those in sight exist. Enter or a press opens one in place; `j k` walk. */
export function LogList({
  rows,
  columns,
  wrap,
  hits,
  openId,
  onOpen,
  onEnd,
  onTop,
  fetching,
}: LogListProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const [active, setActive] = useState(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    getItemKey: (i) => rows[i]!.id,
  });
  useScrollMemory(scroller, "logs", rows.length > 0);
  const { measure } = virtual;
  // biome-ignore lint/correctness/useExhaustiveDependencies: these change what was measured
  useEffect(() => measure(), [measure, rowHeight, wrap]);
  const items = virtual.getVirtualItems();
  const nearEnd = (items.at(-1)?.index ?? 0) >= rows.length - 30;
  useEffect(() => {
    if (nearEnd) onEnd();
  }, [nearEnd, onEnd]);

  const focusLine = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setActive(next);
    virtual.scrollToIndex(next, { align: "auto" });
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[data-line="${next}"]`)?.focus({ preventScroll: true }),
    );
  };
  const onKeyDown = (event: KeyboardEvent<HTMLUListElement>): void => {
    if (
      !(event.target instanceof HTMLElement) ||
      event.target.dataset["line"] === undefined ||
      event.metaKey ||
      event.ctrlKey ||
      event.altKey
    )
      return;
    const row = rows[active];
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      j: active + 1,
      ArrowUp: active - 1,
      k: active - 1,
      PageDown: active + 20,
      PageUp: active - 20,
      Home: 0,
      End: rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) focusLine(to);
    else if (event.key === "ArrowRight" && row !== undefined) onOpen(row.id);
    else if ((event.key === "ArrowLeft" || event.key === "Escape") && openId !== undefined) onOpen(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const tabStop = items.some((item) => item.index === active) ? active : (items[0]?.index ?? 0);

  return (
    <div
      ref={scroller}
      className={wrap ? "log-scroller wrap" : "log-scroller"}
      onScroll={(event) => onTop(event.currentTarget.scrollTop < 4)}
    >
      <ul className="log-lines" aria-label="Log lines" style={{ height: virtual.getTotalSize() }} onKeyDown={onKeyDown}>
        {items.map((item) => {
          const row = rows[item.index]!;
          return (
            <LogItem
              key={item.key}
              row={row}
              index={item.index}
              count={rows.length}
              top={item.start}
              measure={virtual.measureElement}
              columns={columns}
              hits={hits}
              minHeight={rowHeight}
              open={row.id === openId}
              tabStop={item.index === tabStop}
              onActive={setActive}
              onOpen={onOpen}
            />
          );
        })}
      </ul>
      {fetching && <div className="list-footer">reading more…</div>}
    </div>
  );
}

interface LogItemProps {
  readonly row: LogRow;
  readonly index: number;
  readonly count: number;
  readonly top: number;
  readonly measure: (element: HTMLLIElement | null) => void;
  readonly columns: readonly string[];
  readonly hits: RegExp | null;
  readonly minHeight: number;
  readonly open: boolean;
  readonly tabStop: boolean;
  readonly onActive: (index: number) => void;
  readonly onOpen: (id: string | undefined) => void;
}

/** Scrolling renders the list anew for each frame; lines that stay in sight must not cost anything then. */
const LogItem = memo(function LogItem(props: LogItemProps): ReactElement {
  const { row, index, count, top, measure, open, onOpen } = props;
  return (
    <li
      ref={measure}
      data-index={index}
      aria-setsize={count}
      aria-posinset={index + 1}
      className="log-item"
      style={{ transform: `translateY(${top}px)` }}
    >
      <LogLine {...props} />
      {open && <LogDetail row={row} hits={props.hits} onClose={() => onOpen(undefined)} />}
    </li>
  );
});

function LogLine({
  row,
  index,
  columns,
  hits,
  minHeight,
  open,
  tabStop,
  onActive,
  onOpen,
}: LogItemProps): ReactElement {
  const onPress = (): void => onOpen(open ? undefined : row.id);
  const colourOf = useServiceColours();
  const severity = severityOf(row.severityNumber);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a line holds handles, which are buttons, and buttons do not nest
    <div
      role="button"
      data-line={index}
      tabIndex={tabStop ? 0 : -1}
      aria-expanded={open}
      className={`log-line ${severity.name}${open ? " open" : ""}`}
      style={{ minHeight }}
      onFocus={() => onActive(index)}
      onKeyDown={(event) => {
        if (event.target === event.currentTarget && (event.key === "Enter" || event.key === " ")) {
          event.preventDefault();
          onPress();
        }
      }}
      onClick={(event) => {
        // Buttons do not nest: a value in a line is a handle for the pointer, and in the open line for the keyboard.
        const handle = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-field]") : null;
        const field = handle?.dataset["field"];
        const value = field === undefined ? undefined : fieldOf(row, field);
        if (handle !== null && field !== undefined && value !== undefined) openValueMenu(field, value, "logs", handle);
        else if (getSelection()?.isCollapsed !== false) onPress();
      }}
    >
      <span
        className="log-severity"
        style={{ color: `var(--${severity.colour})` }}
        title={row.severityText || severity.name}
      >
        <span aria-hidden="true" className="log-bar" />
        {severity.letter}
      </span>
      <TimeText nano={row.time} />
      <span className="log-service" data-field="service">
        <ServiceName service={row.service} colour={colourOf(row.service)} />
      </span>
      {columns.map((field) => {
        const value = fieldOf(row, field);
        return (
          <span key={field} className="log-column mono cut">
            {value === undefined ? (
              <span className="faint">–</span>
            ) : (
              <span data-field={field} className="handle">
                <TelemetryText text={value} max={120} />
              </span>
            )}
          </span>
        );
      })}
      <span className="log-body mono">
        {row.eventName !== "" && <span className="log-event">{plainText(row.eventName, 60)} </span>}
        <TelemetryText text={row.body} max={1000} hits={hits} />
      </span>
    </div>
  );
}
