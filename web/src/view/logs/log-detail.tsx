import { type ReactElement, useState } from "react";
import { printFilter } from "../../../../src/api/contract/filter.ts";
import type { LogContext, LogRow } from "../../../../src/api/contract/shapes.ts";
import { formatExact } from "../../format/clock-time.ts";
import { severityOf } from "../../format/severity.ts";
import { Answer, SkeletonRows } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { AttributeTable } from "../../part/attribute-table.tsx";
import { Icon } from "../../part/icon.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { TimeText } from "../../part/time-text.tsx";
import { showToast } from "../../part/toast.tsx";
import { useAnswer } from "../../server/answers.ts";
import { hrefTo, useAddress, useChange, useZone, withFilter } from "../../state/question.ts";

const SCOPES = [
  ["instance", "Same instance"],
  ["service", "Same service"],
  ["trace", "Same trace"],
  ["all", "Everything nearby"],
] as const;
type Scope = (typeof SCOPES)[number][0];

/** One line in full, in place: body, fields, where it leads, and what was logged around it. */
export function LogDetail({
  row,
  hits,
  onClose,
}: {
  readonly row: LogRow;
  readonly hits: RegExp | null;
  readonly onClose: () => void;
}): ReactElement {
  const address = useAddress();
  const change = useChange();
  const zone = useZone();
  const [scope, setScope] = useState<Scope | null>(null);
  return (
    <div className="log-detail">
      <h2 className="visually-hidden">Log line</h2>
      <div className="row log-detail-bar">
        {row.traceId !== "" && (
          <AppLink
            className="button small primary"
            href={hrefTo(
              `/traces/${encodeURIComponent(row.traceId)}`,
              address,
              row.spanId === "" ? {} : { open: row.spanId },
            )}
          >
            <Icon name="traces" size={14} /> Open its trace
          </AppLink>
        )}
        <button
          type="button"
          className="button small"
          aria-pressed={scope !== null}
          onClick={() => setScope(scope === null ? "instance" : null)}
        >
          <Icon name="target" size={14} /> Around this line
        </button>
        {row.template !== "" && (
          <button
            type="button"
            className="button small"
            onClick={() =>
              change({ where: withFilter(address.where, { field: "template", op: "=", values: [row.template] }) })
            }
          >
            <Icon name="filter" size={14} /> Lines like this
          </button>
        )}
        <button
          type="button"
          className="button small"
          onClick={() => {
            navigator.clipboard.writeText(JSON.stringify({ ...row, time: formatExact(row.time, zone) }, null, 2)).then(
              () => showToast("Line copied as JSON"),
              () => showToast("The browser refused the clipboard", "error"),
            );
          }}
        >
          <Icon name="copy" size={14} /> Copy
        </button>
        <span className="grow" />
        <button type="button" className="icon-button small" aria-label="Close the line" onClick={onClose}>
          <Icon name="up" size={14} />
        </button>
      </div>
      {scope !== null && <Context row={row} scope={scope} onScope={setScope} />}
      <pre className="log-full mono">
        <TelemetryText text={pretty(row.body)} max={8000} lines full hits={hits} />
      </pre>
      <div className="log-fields">
        <AttributeTable title="Attributes" attributes={row.attributes} scope="attributes" signal="logs" />
        <AttributeTable title="Resource" attributes={row.resource} scope="resource" signal="logs" />
      </div>
      {row.traceId !== "" && (
        <p className="small faint">
          trace <span className="mono">{row.traceId}</span>
          {" · "}
          <AppLink
            className="link"
            href={hrefTo("/logs", address, {
              where: [printFilter({ field: "trace", op: "=", values: [row.traceId] })],
            })}
          >
            all its lines
          </AppLink>
        </p>
      )}
    </div>
  );
}

/** JSON bodies are laid out; everything else stays as it is. */
function pretty(body: string): string {
  if (body.length > 100_000 || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** The lines around one line, which stays pinned; the query outside is not touched. */
function Context({
  row,
  scope,
  onScope,
}: {
  readonly row: LogRow;
  readonly scope: Scope;
  readonly onScope: (scope: Scope) => void;
}): ReactElement {
  const [count, setCount] = useState(10);
  const context = useAnswer<LogContext>(
    "/logs/context",
    { id: row.id, scope, before: count, after: count },
    { staleMs: 60_000 },
  );
  const line = (other: LogRow, pinned = false): ReactElement => {
    const severity = severityOf(other.severityNumber);
    return (
      <li key={other.id} className={pinned ? "context-line pinned" : "context-line"}>
        <span className="severity-letter" style={{ color: `var(--${severity.colour})` }} title={severity.name}>
          {severity.letter}
        </span>
        <TimeText nano={other.time} digits={6} />
        {scope === "all" || scope === "trace" ? (
          <span className="context-service secondary cut">
            <TelemetryText text={other.service} max={40} />
          </span>
        ) : null}
        <span className="mono context-body">
          <TelemetryText text={other.body} max={400} />
        </span>
      </li>
    );
  };
  return (
    <section className="log-context" aria-label="Around this line">
      <div className="row">
        <fieldset className="segments" aria-label="Lines of">
          {SCOPES.filter(([id]) => id !== "trace" || row.traceId !== "").map(([id, name]) => (
            <button key={id} type="button" aria-pressed={scope === id} onClick={() => onScope(id)}>
              {name}
            </button>
          ))}
        </fieldset>
        <span className="grow" />
        <button
          type="button"
          className="button small quiet"
          disabled={count >= 100}
          onClick={() => setCount(Math.min(100, count * 2))}
        >
          More around it
        </button>
      </div>
      <Answer query={context} skeleton={<SkeletonRows rows={8} height={22} />}>
        {(data) => (
          <ol>
            {data.before.map((other) => line(other))}
            {line(data.line, true)}
            {data.after.map((other) => line(other))}
          </ol>
        )}
      </Answer>
    </section>
  );
}
