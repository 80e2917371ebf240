import type { ReactElement } from "react";
import { printFilter } from "../../../../src/api/contract/filter.ts";
import type { Logs, SpanDetail, Trace } from "../../../../src/api/contract/shapes.ts";
import { msOfNano } from "../../format/clock-time.ts";
import { exact, formatDuration } from "../../format/quantity.ts";
import { severityOf } from "../../format/severity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, SkeletonRows } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { AttributeTable } from "../../part/attribute-table.tsx";
import { Icon } from "../../part/icon.tsx";
import { ServiceName } from "../../part/service-name.tsx";
import { SidePanel } from "../../part/side-panel.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { TimeText } from "../../part/time-text.tsx";
import { ValueHandle } from "../../part/value-handle.tsx";
import { useAnswer } from "../../server/answers.ts";
import { hrefTo, useAddress } from "../../state/question.ts";

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const AROUND_MS = 300_000;

export interface SpanPanelProps {
  readonly trace: Trace;
  readonly index: number;
  readonly onClose: () => void;
  readonly onOpen: (index: number) => void;
}

/** One span: what it was, what it carried, what was logged in it, where it leads. */
export function SpanPanel({ trace, index, onClose, onOpen }: SpanPanelProps): ReactElement {
  const address = useAddress();
  const colourOf = useServiceColours();
  const spanId = trace.spanId[index]!;
  const service = trace.services[trace.service[index]!] ?? "";
  const name = trace.names[trace.name[index]!] ?? "";
  const startMs = msOfNano(trace.time);
  const around = {
    from: String(Math.floor(startMs - AROUND_MS)),
    to: String(Math.ceil(startMs + trace.durationNs / 1e6 + AROUND_MS)),
  };
  const serviceFilter = printFilter({ field: "service", op: "=", values: [service] });
  const detail = useAnswer<SpanDetail>(
    `/traces/${encodeURIComponent(trace.traceId)}/spans/${encodeURIComponent(spanId)}`,
    {},
    { staleMs: 300_000, keep: false },
  );
  const logs = useAnswer<Logs>(
    "/logs",
    { ...around, where: [`trace = ${trace.traceId}`, `span = ${spanId}`], order: "oldest", limit: 50 },
    { enabled: (trace.logCount[index] ?? 0) > 0, staleMs: 300_000, keep: false },
  );
  const parent = trace.parent[index]!;
  return (
    <SidePanel
      label="Span"
      onClose={onClose}
      title={
        <>
          <ServiceName service={service} colour={colourOf(service)} />
          <h2 className="span-name">
            <TelemetryText text={name} max={300} />
          </h2>
        </>
      }
    >
      <dl className="span-facts">
        <div>
          <dt>Duration</dt>
          <dd title={exact(trace.durationsNs[index]!, "ns")}>{formatDuration(trace.durationsNs[index]!)}</dd>
        </div>
        <div>
          <dt>Self</dt>
          <dd title={exact(trace.selfNs[index]!, "ns")}>{formatDuration(trace.selfNs[index]!)}</dd>
        </div>
        <div>
          <dt>After</dt>
          <dd title={exact(trace.offsetNs[index]!, "ns")}>{formatDuration(trace.offsetNs[index]!)}</dd>
        </div>
        <div>
          <dt>Kind</dt>
          <dd>{KINDS[trace.kind[index]!] ?? "unspecified"}</dd>
        </div>
        <div>
          <dt>Status</dt>
          <dd className={trace.status[index] === 2 ? "error-text" : ""}>
            {["unset", "ok", "error"][trace.status[index]!] ?? "unset"}
          </dd>
        </div>
      </dl>
      <div className="row span-links">
        {parent >= 0 && (
          <button type="button" className="button small" onClick={() => onOpen(parent)}>
            <Icon name="up" size={14} /> Parent
          </button>
        )}
        <AppLink
          className="button small"
          href={hrefTo("/logs", address, { ...around, where: [`trace = ${trace.traceId}`] })}
        >
          <Icon name="logs" size={14} /> Logs of the trace
        </AppLink>
        <AppLink className="button small" href={hrefTo("/metrics", address, { ...around, where: [serviceFilter] })}>
          <Icon name="metrics" size={14} /> Metrics then
        </AppLink>
        <AppLink
          className="button small"
          href={hrefTo("/traces", address, {
            where: [serviceFilter, printFilter({ field: "name", op: "=", values: [name] })],
          })}
        >
          <Icon name="traces" size={14} /> Others like it
        </AppLink>
      </div>
      {(trace.logCount[index] ?? 0) > 0 && (
        <section className="attributes">
          <h3>
            Logs of this span <span className="faint">{trace.logCount[index]}</span>
          </h3>
          <Answer query={logs} skeleton={<SkeletonRows rows={Math.min(3, trace.logCount[index] ?? 1)} />}>
            {(data) => (
              <ol className="span-log-list">
                {data.logs.map((line) => {
                  const severity = severityOf(line.severityNumber);
                  return (
                    <li key={line.id} className="span-log">
                      <span
                        className="severity-letter"
                        style={{ color: `var(--${severity.colour})` }}
                        title={line.severityText}
                      >
                        {severity.letter}
                      </span>
                      <TimeText nano={line.time} />
                      <span className="mono span-log-body">
                        <TelemetryText text={line.body} max={500} lines full />
                      </span>
                    </li>
                  );
                })}
              </ol>
            )}
          </Answer>
        </section>
      )}
      <Answer query={detail} skeleton={<SkeletonRows rows={8} />}>
        {(span) => (
          <>
            {span.statusMessage !== "" && (
              <p className="span-message">
                <Icon name="error" size={14} /> <TelemetryText text={span.statusMessage} max={1000} lines full />
              </p>
            )}
            <AttributeTable title="Attributes" attributes={span.attributes} scope="attributes" signal="spans" />
            {span.events.length > 0 && (
              <section className="attributes">
                <h3>
                  Events <span className="faint">{span.events.length}</span>
                </h3>
                {span.events.slice(0, 100).map((event, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: events of one immutable span have no id
                  <details key={i} className="span-event" open={event.name === "exception" || span.events.length < 3}>
                    <summary>
                      <TelemetryText text={event.name} max={120} />{" "}
                      <span className="faint">
                        after {formatDuration(Number(BigInt(event.time) - BigInt(trace.time)))}
                      </span>
                    </summary>
                    <AttributeTable attributes={event.attributes} scope="attributes" signal="spans" />
                  </details>
                ))}
              </section>
            )}
            {span.links.length > 0 && (
              <section className="attributes">
                <h3>
                  Links <span className="faint">{span.links.length}</span>
                </h3>
                <ul>
                  {span.links.slice(0, 100).map((link) => (
                    <li key={`${link.traceId} ${link.spanId}`}>
                      <AppLink
                        className="link mono"
                        href={hrefTo(`/traces/${encodeURIComponent(link.traceId)}`, address, { open: link.spanId })}
                      >
                        {link.traceId}
                      </AppLink>
                    </li>
                  ))}
                </ul>
              </section>
            )}
            <AttributeTable title="Resource" attributes={span.resource} scope="resource" signal="spans" />
            <section className="attributes">
              <h3>Span</h3>
              <dl>
                {(
                  [
                    ["span", span.spanId],
                    ["parent", span.parentSpanId],
                    ["scope", span.scope.version === "" ? span.scope.name : `${span.scope.name} ${span.scope.version}`],
                    ["trace state", span.traceState],
                  ] as const
                )
                  .filter(([, value]) => value.trim() !== "")
                  .map(([key, value]) => (
                    <div key={key} className="attribute">
                      <dt className="mono">{key}</dt>
                      <dd className="mono">
                        {key === "scope" ? (
                          <ValueHandle field="scope" value={span.scope.name} signal="spans">
                            <TelemetryText text={value} />
                          </ValueHandle>
                        ) : (
                          <TelemetryText text={value} />
                        )}
                      </dd>
                    </div>
                  ))}
              </dl>
              {(span.dropped.attributes > 0 || span.dropped.events > 0 || span.dropped.links > 0) && (
                <p className="small warn-text">
                  The sender dropped {span.dropped.attributes} attributes, {span.dropped.events} events and{" "}
                  {span.dropped.links} links.
                </p>
              )}
            </section>
          </>
        )}
      </Answer>
    </SidePanel>
  );
}
