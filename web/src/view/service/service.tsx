import { useParams } from "@tanstack/react-router";
import { type ReactElement, useMemo } from "react";
import { printFilter } from "../../../../src/api/contract/filter.ts";
import type { Sparkline as Line, Operations, ServiceRow, Services } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { exact, formatCount, formatDuration, formatRate, formatRatio, type Unit } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, SkeletonBlock, StatisticsLine } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { Chart, type ChartSeries } from "../../part/chart.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { EmptyList } from "../../part/empty.tsx";
import { Icon } from "../../part/icon.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { Swatch } from "../../part/service-name.tsx";
import { highest, Sparkline } from "../../part/sparkline.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { printSelection } from "../../state/address.ts";
import { useTheme } from "../../state/preferences.ts";
import { hrefTo, type Question, useChange, useOpen, useQuestion, withFilter } from "../../state/question.ts";
import "./service.css";

type Operation = Operations["operations"][number];

/** One service: rate, errors, duration over time, and its operations. */
export function Service(): ReactElement {
  const { service } = useParams({ strict: false }) as { service: string };
  const question = useQuestion("spans");
  const colourOf = useServiceColours();
  const filter = printFilter({ field: "service", op: "=", values: [service] });
  const where = [...question.where.filter((text) => text !== filter), filter];
  const own = { where: [...(question.address.where ?? []).filter((text) => text !== filter), filter] };
  const services = useAnswer<Services>("/services", { ...question.parameters, where });
  const operations = useAnswer<Operations>(`/services/${encodeURIComponent(service)}/operations`, question.parameters);
  const row = services.data?.services.find((candidate) => candidate.service === service);
  return (
    <div className="view scrolls">
      <ViewTitle>
        <AppLink href={hrefTo("/services", question.address)} className="crumb">
          Services
        </AppLink>
        <span className="faint">/</span>
        <Swatch colour={colourOf(service)} />
        <h1>{plainText(service, 80)}</h1>
      </ViewTitle>
      <div className="service-head">
        <AppLink className="button" href={hrefTo("/traces", question.address, own)}>
          <Icon name="traces" /> Traces
        </AppLink>
        <AppLink
          className="button"
          href={hrefTo("/traces", question.address, { where: [...own.where, "status = error"] })}
        >
          <Icon name="error" /> Failed traces
        </AppLink>
        <AppLink className="button" href={hrefTo("/logs", question.address, own)}>
          <Icon name="logs" /> Logs
        </AppLink>
        <AppLink className="button" href={hrefTo("/metrics", question.address, own)}>
          <Icon name="metrics" /> Metrics
        </AppLink>
      </div>
      <Answer
        query={services}
        skeleton={
          <div className="service-charts">
            <SkeletonBlock height={220} />
            <SkeletonBlock height={220} />
            <SkeletonBlock height={220} />
          </div>
        }
      >
        {() =>
          row === undefined ? (
            <EmptyList question={question} signal="spans" what="spans of this service" />
          ) : (
            <RedCharts row={row} question={question} filter={filter} />
          )
        }
      </Answer>
      <Answer query={operations}>
        {(data) => <OperationTable data={data} question={question} filter={filter} busy={operations.isFetching} />}
      </Answer>
    </div>
  );
}

function RedCharts({
  row,
  question,
  filter,
}: {
  readonly row: ServiceRow;
  readonly question: Question;
  readonly filter: string;
}): ReactElement {
  const change = useChange();
  const go = useOpen();
  const theme = useTheme();
  const palette = PALETTES[theme];
  const chart = (
    name: string,
    line: Line,
    unit: Unit,
    colour: string,
    label: string,
    reference: number | null,
  ): ReactElement => {
    const series: ChartSeries[] = [{ label, values: line.values, colour }];
    if (reference !== null)
      series.push({ label: "before", values: line.values.map(() => reference), colour: palette.faint, dashed: true });
    return (
      <div className="panel">
        <Chart
          name={name}
          unit={unit}
          mode="lines"
          logarithmic={unit === "ns"}
          height={168}
          startMs={line.startMs}
          stepMs={line.stepMs}
          series={series}
          zone={question.zone}
          nowMs={question.nowMs}
          onZoom={(fromMs, toMs) =>
            change({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), live: undefined })
          }
          onCompare={(fromMs, toMs) =>
            go(
              hrefTo("/traces", question.address, {
                where: [...(question.address.where ?? []), filter],
                select: printSelection({ kind: "region", fromMs, toMs, lowNs: null, highNs: null }),
              }),
            )
          }
        />
      </div>
    );
  };
  return (
    <div className="service-charts">
      {chart("Rate", row.rate, "per-second", palette.accent, "spans", row.before?.ratePerSecond ?? null)}
      {chart("Errors", row.errors, "ratio", palette.error, "failed", row.before?.errorRatio ?? null)}
      {chart("Duration p95", row.p95, "ns", palette.warn, "p95", row.before?.p95Ns ?? null)}
    </div>
  );
}

function OperationTable({
  data,
  question,
  filter,
  busy,
}: {
  readonly data: Operations;
  readonly question: Question;
  readonly filter: string;
  readonly busy: boolean;
}): ReactElement {
  const go = useOpen();
  const change = useChange();
  const rowHeight = useRowHeight() + 4;
  const sort = question.address.sort ?? "-rate";
  const compact = typeof innerWidth === "number" && innerWidth < 720;
  const rows = useMemo(() => {
    const key = sort.replace("-", "");
    const by = (row: Operation): number =>
      key === "errors"
        ? row.errorRatio
        : key === "p95"
          ? (row.p95Ns ?? -1)
          : key === "p99"
            ? (row.p99Ns ?? -1)
            : row.ratePerSecond;
    return [...data.operations].sort((a, b) => (sort.startsWith("-") ? -1 : 1) * (by(a) - by(b)));
  }, [data, sort]);
  const columns = useMemo(() => {
    const top = Math.max(...rows.map((row) => highest(row.rate.values)), 0);
    const all: readonly Column<Operation>[] = [
      {
        id: "name",
        title: "Operation",
        cell: (row) => (
          <span className="row">
            <span className="cut strong">
              <TelemetryText text={row.name} max={160} />
            </span>
            <span className="faint small">{row.kind}</span>
          </span>
        ),
      },
      {
        id: "rate",
        title: "Rate",
        width: 88,
        align: "end",
        sort: "rate",
        cell: (row) => <span title={exact(row.ratePerSecond, "per-second")}>{formatRate(row.ratePerSecond)}</span>,
      },
      {
        id: "line",
        title: "Rate over time",
        titleHidden: true,
        width: 116,
        cell: (row) => <Sparkline line={row.rate} unit="per-second" label="Rate" max={top} />,
      },
      {
        id: "errors",
        title: "Errors",
        width: 80,
        align: "end",
        sort: "errors",
        cell: (row) => (
          <span className={row.errorRatio >= 0.01 ? "error-text strong" : row.errorRatio > 0 ? "" : "faint"}>
            {formatRatio(row.errorRatio)}
          </span>
        ),
      },
      {
        id: "p50",
        title: "p50",
        width: 84,
        align: "end",
        cell: (row) => <span className="secondary">{formatDuration(row.p50Ns)}</span>,
      },
      { id: "p95", title: "p95", width: 84, align: "end", sort: "p95", cell: (row) => formatDuration(row.p95Ns) },
      {
        id: "p99",
        title: "p99",
        width: 84,
        align: "end",
        sort: "p99",
        cell: (row) => <span className="secondary">{formatDuration(row.p99Ns)}</span>,
      },
    ];
    return compact ? all.filter(({ id }) => ["name", "errors", "p95"].includes(id)) : all;
  }, [rows, compact]);
  if (rows.length === 0) return <EmptyList question={question} signal="spans" what="operations" />;
  return (
    <section className="operations" aria-label="Operations">
      <div className="toolbar list-bar">
        <strong>Operations</strong>
        <span className="secondary">{formatCount(rows.length)}</span>
        <span className="grow" />
        <StatisticsLine statistics={data.statistics} busy={busy} />
      </div>
      <DataTable
        label="Operations"
        columns={columns}
        rows={rows}
        rowKey={(row) => `${row.kind} ${row.name}`}
        rowHeight={rowHeight}
        sort={sort}
        onSort={(next) => change({ sort: next === "-rate" ? undefined : next }, { replace: true })}
        onOpen={(row) =>
          go(
            hrefTo("/traces", question.address, {
              where: withFilter([...(question.address.where ?? []).filter((text) => text !== filter), filter], {
                field: "name",
                op: "=",
                values: [row.name],
              }),
            }),
          )
        }
      />
    </section>
  );
}
