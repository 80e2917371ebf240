import { type ReactElement, useMemo } from "react";
import type { Labels, Metrics, SeriesAnswer } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { exact, formatMeasure, unitOf } from "../../format/quantity.ts";
import { PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, SkeletonBlock, StatisticsLine } from "../../part/answer.tsx";
import { Chart, type ChartSeries } from "../../part/chart.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { Empty } from "../../part/empty.tsx";
import { Icon } from "../../part/icon.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { ValueHandle } from "../../part/value-handle.tsx";
import { useAnswer } from "../../server/answers.ts";
import { useTheme } from "../../state/preferences.ts";
import { hrefTo, type Question, useChange, useOpen } from "../../state/question.ts";
import { AGGREGATES, isAggregate, standardAggregate } from "./aggregates.ts";

const MOST_SERIES = 50;
type Row = SeriesAnswer["series"][number];

/** One metric: aggregate, group by, chart with exemplars, and every series with its last, least and greatest value. */
export function MetricQuery({
  metric,
  question,
}: {
  readonly metric: string;
  readonly question: Question;
}): ReactElement {
  const change = useChange();
  const go = useOpen();
  const path = `/metrics/${encodeURIComponent(metric)}`;
  const known = useAnswer<Metrics>("/metrics", { search: metric, limit: 50 }, { staleMs: 120_000 });
  const about = known.data?.metrics.find(({ name }) => name === metric);
  const labels = useAnswer<Labels>(
    `${path}/labels`,
    { from: question.parameters["from"], to: question.parameters["to"] },
    { staleMs: 60_000 },
  );
  const group = question.address.group ?? [];
  const aggregate = isAggregate(question.address.aggregate)
    ? question.address.aggregate
    : about === undefined
      ? undefined
      : standardAggregate(about.type);
  const series = useAnswer<SeriesAnswer>(
    `${path}/series`,
    { ...question.parameters, groupBy: group, aggregate, limit: MOST_SERIES },
    { enabled: known.data !== undefined || known.isError },
  );
  const theme = useTheme();
  const colourOf = useServiceColours();
  const lines = useMemo<readonly ChartSeries[]>(() => {
    const palette = PALETTES[theme];
    return (series.data?.series ?? []).map((line, i) => {
      const service = line.labels["service"] ?? line.labels["service.name"] ?? line.labels["resource.service.name"];
      const colour =
        group.length === 1 && service !== undefined
          ? colourOf(service).colour
          : group.length === 0
            ? palette.accent
            : palette.services[i % 8]!;
      return { label: nameOf(line, metric), values: line.values, colour, ...(i >= 8 ? { dashed: true } : {}) };
    });
  }, [series.data, theme, colourOf, group.length, metric]);
  const { unit, suffix } = unitOf(series.data?.unit ?? about?.unit ?? "");
  const shownSuffix = aggregate === "rate" ? `${suffix}/s` : suffix;
  const isDuration = unit === "seconds" || unit === "ns" || suffix === "ms";
  return (
    <>
      <div className="toolbar">
        <label className="row tight">
          <span className="secondary small">Aggregate</span>
          <select
            className="input"
            value={aggregate ?? ""}
            onChange={(event) => change({ aggregate: event.target.value })}
          >
            {AGGREGATES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span className="secondary small">Group by</span>
        {group.map((field) => (
          <span key={field} className="chip">
            <span className="chip-text">
              <TelemetryText text={field} max={60} />
            </span>
            <button
              type="button"
              className="chip-drop"
              aria-label={`Do not group by ${plainText(field, 60)}`}
              onClick={() => change({ group: group.filter((other) => other !== field) })}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
        <select
          className="input"
          aria-label="Group by"
          value=""
          onChange={(event) => event.target.value !== "" && change({ group: [...group, event.target.value] })}
        >
          <option value="">{group.length === 0 ? "nothing" : "and by"}</option>
          {(labels.data?.labels ?? [])
            .filter(({ name }) => !group.includes(name))
            .map(({ name, values }) => (
              <option key={name} value={name}>
                {plainText(name, 80)} ({values})
              </option>
            ))}
        </select>
        <span className="grow" />
        <StatisticsLine statistics={series.data?.statistics} busy={series.isFetching} />
      </div>
      <Answer query={series} skeleton={<SkeletonBlock height={340} />}>
        {(data) =>
          data.series.length === 0 ? (
            <Empty icon="metrics" title="No points in this time range">
              <button type="button" className="button" onClick={() => change({ from: "now-1d", to: "now" })}>
                Last day
              </button>
            </Empty>
          ) : (
            <>
              <div className="panel metric-chart">
                <Chart
                  name={`${data.aggregate} of ${plainText(metric, 80)}${about?.description ? `: ${plainText(about.description, 120)}` : ""}`}
                  unit={unit}
                  suffix={shownSuffix}
                  logarithmic={isDuration && /^p\d/.test(data.aggregate)}
                  mode="lines"
                  height={320}
                  startMs={data.startMs}
                  stepMs={data.stepMs}
                  series={lines}
                  zone={question.zone}
                  nowMs={question.nowMs}
                  points={data.exemplars.map((exemplar) => ({
                    timeMs: exemplar.timeMs,
                    value: exemplar.value,
                    id: `${exemplar.traceId} ${exemplar.spanId}`,
                  }))}
                  onPoint={(id) => {
                    const [traceId = "", spanId] = id.split(" ");
                    go(
                      hrefTo(
                        `/traces/${encodeURIComponent(traceId)}`,
                        question.address,
                        spanId === undefined || spanId === "" ? {} : { open: spanId },
                      ),
                    );
                  }}
                  onZoom={(fromMs, toMs) =>
                    change({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), live: undefined })
                  }
                  legend={data.series.length <= 12}
                />
                {data.exemplars.length > 0 && <p className="small faint metric-hint">◆ exemplars open their trace</p>}
                {data.omitted > 0 && (
                  <p className="small warn-text metric-hint">
                    {data.omitted} series are left out; filter or group by fewer fields.
                  </p>
                )}
              </div>
              <SeriesTable
                rows={data.series}
                group={group}
                metric={metric}
                print={(value) => formatMeasure(value, unit, shownSuffix)}
                colours={lines.map(({ colour }) => colour)}
                title={(value) => exact(value, unit)}
              />
            </>
          )
        }
      </Answer>
    </>
  );
}

function nameOf(line: Row, metric: string): string {
  const entries = Object.entries(line.labels);
  return entries.length === 0
    ? metric
    : entries.length === 1
      ? entries[0]![1]
      : entries.map(([key, value]) => `${key.split(".").at(-1)}=${value}`).join(" ");
}

/** What a row's line looks like in the chart above. */
function LineSample({ colour }: { readonly colour: string | undefined }): ReactElement {
  return <span aria-hidden="true" className="line-sample" style={{ background: colour }} />;
}

function SeriesTable({
  rows,
  group,
  metric,
  print,
  title,
  colours,
}: {
  readonly rows: readonly Row[];
  readonly group: readonly string[];
  readonly metric: string;
  readonly print: (value: number | null) => string;
  readonly title: (value: number | null) => string;
  /** Of each row's line in the chart. */
  readonly colours: readonly string[];
}): ReactElement {
  const rowHeight = useRowHeight();
  const columns = useMemo<readonly Column<Row>[]>(() => {
    const figure = (
      id: string,
      name: string,
      of: (known: readonly number[]) => number | null,
      more: { readonly wideOnly?: true } = {},
    ): Column<Row> => ({
      ...more,
      id,
      title: name,
      width: 112,
      align: "end",
      cell: (row) => {
        const value = of(row.values.filter((one) => one !== null));
        return <span title={title(value)}>{print(value)}</span>;
      },
    });
    return [
      ...(group.length === 0
        ? [
            {
              id: "metric",
              title: "Series",
              cell: (_row, i) => (
                <span className="row">
                  <LineSample colour={colours[i]} />
                  <span className="mono cut">{plainText(metric, 100)}</span>
                </span>
              ),
            } satisfies Column<Row>,
          ]
        : group.map(
            (field, at): Column<Row> => ({
              id: field,
              title: field.replace(/^(attributes|resource)\./, ""),
              cell: (row, i) => {
                const value = row.labels[field] ?? row.labels[field.replace(/^(attributes|resource)\./, "")] ?? "";
                return (
                  <span className="row">
                    {at === 0 && <LineSample colour={colours[i]} />}
                    <ValueHandle field={field} value={value} signal="metrics" quiet>
                      <TelemetryText text={value} max={100} />
                    </ValueHandle>
                  </span>
                );
              },
            }),
          )),
      figure("last", "Last", (known) => known.at(-1) ?? null),
      figure("least", "Least", (known) => (known.length === 0 ? null : Math.min(...known)), { wideOnly: true }),
      figure("mean", "Mean", (known) => (known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length), {
        wideOnly: true,
      }),
      figure("greatest", "Greatest", (known) => (known.length === 0 ? null : Math.max(...known))),
    ];
  }, [group, metric, print, title, colours]);
  return (
    <section className="metric-series" aria-label="Series">
      <DataTable
        label="Series"
        columns={columns}
        rows={rows}
        rowKey={(row) => JSON.stringify(row.labels)}
        rowHeight={rowHeight}
      />
    </section>
  );
}
