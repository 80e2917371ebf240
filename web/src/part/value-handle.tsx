import { type MouseEvent, type ReactElement, type ReactNode, useSyncExternalStore } from "react";
import { type FilterOperator, printFilter } from "../../../src/api/contract/filter.ts";
import { plainText } from "../format/hostile.ts";
import { printSelection } from "../state/address.ts";
import { hrefTo, type Signal, useAddress, useChange, useOpen, withFilter } from "../state/question.ts";
import { Icon } from "./icon.tsx";
import { menuKeys, Popover } from "./popover.tsx";
import { TelemetryText } from "./telemetry-text.tsx";
import { showToast } from "./toast.tsx";

interface OpenHandle {
  readonly field: string;
  readonly value: string;
  readonly signal: Signal;
  readonly rect: DOMRect;
}

let open: OpenHandle | null = null;
const listeners = new Set<() => void>();
function set(next: OpenHandle | null): void {
  open = next;
  for (const listener of listeners) listener();
}
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export interface ValueHandleProps {
  readonly field: string;
  readonly value: string;
  readonly signal: Signal;
  readonly children?: ReactNode;
  readonly className?: string;
  /** Out of the tab order, where a row already is in it. */
  readonly quiet?: boolean;
}

/** Opens the menu of a value from elsewhere, by the element that shows it. */
export function openValueMenu(field: string, value: string, signal: Signal, element: Element): void {
  set({ field, value, signal, rect: element.getBoundingClientRect() });
}

/** Every value on screen is a handle: press for include, exclude, group by, copy, open in SQL, and why. */
export function ValueHandle({
  field,
  value,
  signal,
  children,
  className = "",
  quiet = false,
}: ValueHandleProps): ReactElement {
  return (
    <button
      type="button"
      className={`handle ${className}`}
      tabIndex={quiet ? -1 : 0}
      aria-haspopup="dialog"
      onClick={(event: MouseEvent<HTMLButtonElement>) => {
        event.stopPropagation();
        set({ field, value, signal, rect: event.currentTarget.getBoundingClientRect() });
      }}
    >
      {children ?? <TelemetryText text={value} />}
    </button>
  );
}

/** The one menu of all handles; stands once in the shell. */
export function ValueMenu(): ReactElement | null {
  const handle = useSyncExternalStore(subscribe, () => open);
  const address = useAddress();
  const change = useChange();
  const go = useOpen();
  if (handle === null) return null;
  const { field, value, signal } = handle;
  const act = (action: () => void) => () => {
    set(null);
    action();
  };
  const filter = (op: FilterOperator) =>
    act(() => change({ where: withFilter(address.where, { field, op, values: [value] }) }));
  const text = printFilter({ field, op: "=", values: [value] });
  return (
    <Popover
      anchor={handle.rect}
      onClose={() => set(null)}
      label={`${plainText(field, 60)}: ${plainText(value, 60)}`}
      width={264}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys are an addition to Tab within the dialog */}
      <div onKeyDown={menuKeys}>
        <div className="menu-title cut">
          {plainText(field, 60)}
          {" = "}
          <span className="mono secondary">
            <TelemetryText text={value} max={80} />
          </span>
        </div>
        <button type="button" className="menu-item" data-first onClick={filter("=")}>
          <Icon name="plus" /> Only this value
        </button>
        <button type="button" className="menu-item" onClick={filter("!=")}>
          <Icon name="minus" /> Without this value
        </button>
        <button
          type="button"
          className="menu-item"
          onClick={act(() => change({ group: [...new Set([...(address.group ?? []), field])] }))}
        >
          <Icon name="group" />{" "}
          <span className="cut">Group by {plainText(field.split(".").slice(-2).join("."), 40)}</span>
        </button>
        <button
          type="button"
          className="menu-item"
          onClick={act(() => {
            navigator.clipboard.writeText(value).then(
              () => showToast("Copied"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          })}
        >
          <Icon name="copy" /> Copy value
        </button>
        <div className="menu-line" />
        {signal !== "metrics" && (
          <button
            type="button"
            className="menu-item"
            onClick={act(() => go(hrefTo("/sql", address, { sql: sqlFor(signal, field, value) })))}
          >
            <Icon name="sql" /> Open in SQL
          </button>
        )}
        <button
          type="button"
          className="menu-item"
          onClick={act(() =>
            go(hrefTo("/traces", address, { select: printSelection({ kind: "filter", filter: text }) })),
          )}
        >
          <Icon name="compare" /> Why is this different?
        </button>
      </div>
    </Popover>
  );
}

const COLUMNS: Readonly<Record<string, string>> = {
  service: "service_name",
  name: "name",
  kind: "kind",
  trace: "trace_id",
  span: "span_id",
  parent: "parent_span_id",
  scope: "scope_name",
  body: "body",
  template: "template",
  event: "event_name",
  severity: "severity_text",
  status: "status_code",
};

/** A statement that counts the rows with this value, as a start. Quotes and backslashes are ClickHouse's escapes. */
export function sqlFor(signal: Signal, field: string, value: string): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const [table, time] = signal === "logs" ? ["logs", "time"] : ["spans", "start_time"];
  const column =
    COLUMNS[field] ??
    (field.startsWith("resource.")
      ? `resource_attributes[${quote(field.slice(9))}]`
      : `attributes[${quote(field.replace(/^attributes\./, ""))}]`);
  return `SELECT toStartOfMinute(${time}) AS minute, count() AS ${table}\nFROM ${table}\nWHERE ${column} = ${quote(value)}\n  AND ${time} > now() - INTERVAL 1 HOUR\nGROUP BY minute\nORDER BY minute`;
}
