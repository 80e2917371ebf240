import { type ReactElement, useMemo } from "react";
import type { NormalComparison, Trace } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { formatDuration } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, StatisticsLine } from "../../part/answer.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { Empty } from "../../part/empty.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { ServiceName, Swatch } from "../../part/service-name.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { useAnswer } from "../../server/answers.ts";

type Path = NormalComparison["paths"][number];
const STATES: Readonly<Record<Path["state"], { readonly sign: string; readonly className: string }>> = {
  added: { sign: "+ added", className: "badge warn" },
  missing: { sign: "− missing", className: "badge warn" },
  slower: { sign: "↑ slower", className: "badge error" },
  faster: { sign: "↓ faster", className: "badge ok" },
  same: { sign: "= same", className: "badge" },
};

/** This trace beside the median of traces with the same root: added, missing and slower paths by self time. */
export function Compare({
  trace,
  openIndex,
  onOpen,
}: {
  readonly trace: Trace;
  readonly openIndex: number;
  readonly onOpen: (index: number) => void;
}): ReactElement {
  const rowHeight = useRowHeight();
  const colourOf = useServiceColours();
  const answer = useAnswer<NormalComparison>(
    `/traces/${encodeURIComponent(trace.traceId)}/normal`,
    {},
    { staleMs: 60_000, keep: false },
  );
  const rows = useMemo(
    () =>
      [...(answer.data?.paths ?? [])].sort(
        (a, b) => Math.abs(b.selfNs - b.usualSelfNs) - Math.abs(a.selfNs - a.usualSelfNs),
      ),
    [answer.data],
  );
  const most = useMemo(() => Math.max(1, ...rows.map((row) => Math.max(row.selfNs, row.usualSelfNs))), [rows]);
  const columns = useMemo<readonly Column<Path>[]>(
    () => [
      {
        id: "state",
        title: "Against normal",
        width: 116,
        cell: (row) => <span className={STATES[row.state].className}>{STATES[row.state].sign}</span>,
      },
      {
        id: "service",
        wideOnly: true,
        title: "Service",
        width: 150,
        cell: (row) => <ServiceName service={row.service} colour={colourOf(row.service)} />,
      },
      {
        id: "name",
        title: "Path",
        cell: (row) => (
          <span title={row.path.map((part) => plainText(part, 100)).join(" › ")}>
            {row.path.length > 1 && <span className="faint">{"› ".repeat(Math.min(row.path.length - 1, 6))}</span>}
            <span className="narrow-only">
              <Swatch colour={colourOf(row.service)} />{" "}
            </span>
            <TelemetryText text={row.name} max={160} />
          </span>
        ),
      },
      {
        id: "count",
        wideOnly: true,
        title: "Spans",
        width: 96,
        align: "end",
        hint: "Here, and usually",
        cell: (row) => (
          <span>
            {row.count} <span className="faint">/ {Number(row.usualCount.toFixed(1))}</span>
          </span>
        ),
      },
      {
        id: "bars",
        wideOnly: true,
        title: "Self time: here over usual",
        width: 220,
        cell: (row) => (
          <span aria-hidden="true" className="compare-bars">
            <span style={{ width: `${(row.selfNs / most) * 100}%` }} className={row.state} />
            <span style={{ width: `${(row.usualSelfNs / most) * 100}%` }} className="usual" />
          </span>
        ),
      },
      {
        id: "self",
        wideOnly: true,
        title: "Here",
        width: 88,
        align: "end",
        cell: (row) => formatDuration(row.selfNs),
      },
      {
        id: "usual",
        wideOnly: true,
        title: "Usual",
        width: 88,
        align: "end",
        cell: (row) => <span className="secondary">{formatDuration(row.usualSelfNs)}</span>,
      },
      {
        id: "difference",
        title: "Difference",
        width: 100,
        align: "end",
        cell: (row) => {
          const difference = row.selfNs - row.usualSelfNs;
          return (
            <span className={row.state === "same" ? "faint" : difference > 0 ? "error-text" : "ok-text"}>
              {difference > 0 ? "+" : ""}
              {formatDuration(difference)}
            </span>
          );
        },
      },
    ],
    [colourOf, most],
  );
  const openSpan = openIndex < 0 ? undefined : trace.spanId[openIndex];
  return (
    <Answer query={answer}>
      {(data) =>
        rows.length === 0 ? (
          <Empty
            icon="compare"
            title="Nothing to compare with"
            text={data.note ?? "No other trace with the same root was found."}
          />
        ) : (
          <>
            <div className="toolbar list-bar">
              <span className="secondary">
                Against the median of {data.comparedTraces.toLocaleString("en-US")} traces with the same root, aligned
                by path
              </span>
              {data.note !== null && <span className="badge warn">{data.note}</span>}
              <span className="grow" />
              <StatisticsLine statistics={data.statistics} />
            </div>
            <DataTable
              label="Paths against normal"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.path.join("\u0000") + row.service}
              rowHeight={rowHeight}
              minWidth={900}
              openKey={
                rows
                  .filter((row) => openSpan !== undefined && row.spanIds.includes(openSpan))
                  .map((row) => row.path.join("\u0000") + row.service)[0]
              }
              onOpen={(row) => {
                const index = trace.spanId.indexOf(row.spanIds[0] ?? "");
                if (index >= 0) onOpen(index);
              }}
            />
          </>
        )
      }
    </Answer>
  );
}
