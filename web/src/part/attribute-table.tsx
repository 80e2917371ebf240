import { type ReactElement, useState } from "react";
import type { Signal } from "../state/question.ts";
import { TelemetryText } from "./telemetry-text.tsx";
import { ValueHandle } from "./value-handle.tsx";
import "./attribute-table.css";

export interface AttributeTableProps {
  /** Absent where what stands above names it already. */
  readonly title?: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** How filters name them: `attributes` or `resource`. */
  readonly scope: "attributes" | "resource";
  readonly signal: Signal;
}

const FEW = 24;

/** Keys and values; each value is a handle. */
export function AttributeTable({ title, attributes, scope, signal }: AttributeTableProps): ReactElement | null {
  const [all, setAll] = useState(false);
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return null;
  const shown = all ? entries : entries.slice(0, FEW);
  return (
    <section className="attributes">
      {title !== undefined && (
        <h3>
          {title} <span className="faint">{entries.length}</span>
        </h3>
      )}
      <dl>
        {shown.map(([key, value]) => (
          <div key={key} className="attribute">
            <dt className="mono">
              <TelemetryText text={key} max={120} />
            </dt>
            <dd className="mono">
              {value.length > 200 || /^https?:\/\//i.test(value) ? (
                <TelemetryText text={value} max={2000} lines full />
              ) : (
                <ValueHandle field={`${scope}.${key}`} value={value} signal={signal}>
                  <TelemetryText text={value} lines />
                </ValueHandle>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {entries.length > shown.length && (
        <button type="button" className="link" onClick={() => setAll(true)}>
          show all {entries.length}
        </button>
      )}
    </section>
  );
}
