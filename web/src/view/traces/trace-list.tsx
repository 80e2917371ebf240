import { type ReactElement, useCallback, useMemo } from "react";
import type { TraceRow, Traces } from "../../../../src/api/contract/shapes.ts";
import { formatAgo, msOfNano } from "../../format/clock-time.ts";
import { plainText } from "../../format/hostile.ts";
import { exact, formatCount, formatDuration, formatNumberOf } from "../../format/quantity.ts";
import { type ServiceColour, useServiceColours } from "../../look/service-colour.ts";
import { Answer, StatisticsLine } from "../../part/answer.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { EmptyList } from "../../part/empty.tsx";
import { Icon } from "../../part/icon.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { ServiceName, Swatch } from "../../part/service-name.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { TimeText } from "../../part/time-text.tsx";
import { MOST_ROWS, usePages } from "../../server/pages.ts";
import { hrefTo, type Parameters, type Question, useChange, useOpen } from "../../state/question.ts";

const PAGE = 100;

/** Traces that have a span matching every filter; one press from the trace. */
export function TraceList({
  question,
  parameters,
}: {
  readonly question: Question;
  readonly parameters: Parameters;
}): ReactElement {
  const change = useChange();
  const go = useOpen();
  const colourOf = useServiceColours();
  const rowHeight = useRowHeight();
  const sort = question.address.sort ?? "-start";
  const traces = usePages<Traces>("/traces", { ...parameters, sort: sort.replace("-", ""), limit: PAGE });
  const rows = useMemo(() => traces.data?.pages.flatMap((page) => page.traces) ?? [], [traces.data]);
  const longest = useMemo(() => rows.reduce((most, row) => Math.max(most, row.durationNs), 1), [rows]);
  const columns = useMemo(() => columnsOf(colourOf, longest, question.nowMs), [colourOf, longest, question.nowMs]);
  const more = useCallback(() => {
    if (traces.hasNextPage && !traces.isFetchingNextPage && rows.length < MOST_ROWS) void traces.fetchNextPage();
  }, [traces, rows.length]);
  const compact = typeof innerWidth === "number" && innerWidth < 720;

  return (
    <Answer query={traces}>
      {(data) =>
        rows.length === 0 ? (
          <EmptyList question={question} signal="spans" what="traces" />
        ) : (
          <>
            <div className="toolbar list-bar">
              <span className="secondary">
                {traces.hasNextPage ? "first " : ""}
                {formatNumberOf(rows.length, "trace")}
              </span>
              <fieldset className="segments" aria-label="Order">
                {(
                  [
                    ["-start", "Newest"],
                    ["-duration", "Slowest"],
                    ["-errors", "Most errors"],
                  ] as const
                ).map(([order, name]) => (
                  <button
                    key={order}
                    type="button"
                    aria-pressed={sort === order}
                    onClick={() => change({ sort: order === "-start" ? undefined : order })}
                  >
                    {name}
                  </button>
                ))}
              </fieldset>
              <span className="grow" />
              <StatisticsLine
                statistics={data.pages[0]?.statistics}
                busy={traces.isFetching && !traces.isFetchingNextPage}
              />
            </div>
            <DataTable
              label="Traces"
              columns={compact ? columns.filter(({ id }) => ["root", "duration"].includes(id)) : columns}
              rows={rows}
              rowKey={(row) => row.traceId}
              rowHeight={rowHeight}
              sort={sort}
              onSort={(next) => change({ sort: `-${next.replace("-", "")}` })}
              onOpen={(row) =>
                go(
                  hrefTo(
                    `/traces/${row.traceId}`,
                    question.address,
                    row.matched === null ? {} : { open: row.matched.spanId },
                  ),
                )
              }
              onEnd={more}
              memory="traces"
              footer={traces.isFetchingNextPage ? <div className="list-footer">reading more…</div> : undefined}
            />
          </>
        )
      }
    </Answer>
  );
}

function columnsOf(
  colourOf: (service: string) => ServiceColour,
  longestNs: number,
  nowMs: number,
): readonly Column<TraceRow>[] {
  return [
    { id: "time", title: "Time", width: 170, sort: "start", cell: (row) => <TimeText nano={row.time} /> },
    {
      id: "root",
      title: "Root",
      cell: (row) => (
        <span className="trace-root">
          <span className="trace-flag error-text" title={row.rootStatus === "error" ? "The root failed" : undefined}>
            {row.rootStatus === "error" && (
              <>
                <Icon name="error" size={14} />
                <span className="visually-hidden">failed</span>
              </>
            )}
          </span>
          {row.rootService === null ? (
            <span className="faint">root not received</span>
          ) : (
            <>
              <ServiceName service={row.rootService} colour={colourOf(row.rootService)} />
              <span className="cut trace-name">
                <TelemetryText text={row.rootName ?? ""} max={160} />
              </span>
            </>
          )}
          {row.matched !== null && row.matched.name !== row.rootName && (
            <span className="faint cut" title={`${row.matched.count} spans match`}>
              › <TelemetryText text={row.matched.name} max={80} />
              {row.matched.count > 1 && ` ×${row.matched.count}`}
            </span>
          )}
          <span className="narrow-only faint small">{formatAgo(msOfNano(row.time), nowMs).replace(" ago", "")}</span>
        </span>
      ),
    },
    {
      id: "services",
      title: "Services",
      width: 120,
      cell: (row) => (
        <span
          className="trace-services"
          role="img"
          aria-label={row.services.map((service) => plainText(service, 60)).join(", ")}
          title={row.services.map((service) => plainText(service, 60)).join("\n")}
        >
          {row.services.slice(0, 5).map((service) => (
            <Swatch key={service} colour={colourOf(service)} />
          ))}
          {row.services.length > 5 && <span className="faint small">+{row.services.length - 5}</span>}
        </span>
      ),
    },
    { id: "spans", title: "Spans", width: 72, align: "end", cell: (row) => formatCount(row.spanCount) },
    {
      id: "errors",
      title: "Errors",
      width: 80,
      align: "end",
      sort: "errors",
      cell: (row) =>
        row.errorCount === 0 ? (
          <span className="faint">0</span>
        ) : (
          <span className="error-text">{formatCount(row.errorCount)}</span>
        ),
    },
    {
      id: "duration",
      title: "Duration",
      width: typeof innerWidth === "number" && innerWidth < 720 ? 84 : 220,
      align: "end",
      sort: "duration",
      cell: (row) => (
        <span className="duration-cell" title={exact(row.durationNs, "ns")}>
          <span aria-hidden="true" className="duration-bar">
            <span
              style={{ width: `${Math.max(1, (row.durationNs / longestNs) * 100)}%` }}
              className={row.errorCount > 0 ? "failed" : ""}
            />
          </span>
          <span className="duration-value">{formatDuration(row.durationNs)}</span>
        </span>
      ),
    },
  ];
}
