import { type ReactElement, useMemo } from "react";
import type { Services as Answer, ServiceRow } from "../../../../src/api/contract/shapes.ts";
import { exact, formatChange, formatDuration, formatNumberOf, formatRate, formatRatio } from "../../format/quantity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer as AnswerStates, StatisticsLine } from "../../part/answer.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { EmptyList } from "../../part/empty.tsx";
import { QueryBar } from "../../part/query-bar.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { ServiceName } from "../../part/service-name.tsx";
import { highest, Sparkline } from "../../part/sparkline.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { hrefTo, type Question, useChange, useOpen, useQuestion } from "../../state/question.ts";
import { ServiceMap } from "./service-map.tsx";
import "./service.css";

/** Every service at a glance: as a table to scan, or as the map of who calls whom. */
export function Services(): ReactElement {
  const question = useQuestion("spans");
  const change = useChange();
  const tab = question.address.tab === "map" ? "map" : "table";
  return (
    <div className="view">
      <ViewTitle>
        <h1>Services</h1>
      </ViewTitle>
      <QueryBar question={question} signal="spans" placeholder="resource.deployment.environment.name = production">
        <div className="segments" role="tablist" aria-label="Table or map">
          <button type="button" role="tab" aria-selected={tab === "table"} onClick={() => change({ tab: undefined })}>
            Table
          </button>
          <button type="button" role="tab" aria-selected={tab === "map"} onClick={() => change({ tab: "map" })}>
            Map
          </button>
        </div>
      </QueryBar>
      {tab === "map" ? <ServiceMap question={question} /> : <ServiceTable question={question} />}
    </div>
  );
}

/** Drawn that wide and stretched to its column. */
const LINE = 160;

type Sort = (row: ServiceRow) => number | string;
const SORTS: Readonly<Record<string, Sort>> = {
  service: (row) => row.service,
  rate: (row) => row.ratePerSecond,
  errors: (row) => row.errorRatio,
  p50: (row) => row.p50Ns ?? -1,
  p95: (row) => row.p95Ns ?? -1,
  p99: (row) => row.p99Ns ?? -1,
  change: (row) =>
    row.before === null || row.before.p95Ns === null || row.p95Ns === null ? 0 : row.p95Ns / row.before.p95Ns,
};

function ServiceTable({ question }: { readonly question: Question }): ReactElement {
  const change = useChange();
  const go = useOpen();
  const colourOf = useServiceColours();
  const rowHeight = useRowHeight() + 8;
  const services = useAnswer<Answer>("/services", question.parameters);
  const sort = question.address.sort ?? "-rate";
  const rows = useMemo(() => {
    const by = SORTS[sort.replace("-", "")] ?? SORTS["rate"]!;
    const sign = sort.startsWith("-") ? -1 : 1;
    return [...(services.data?.services ?? [])].sort((a, b) => {
      const x = by(a);
      const y = by(b);
      return sign * (typeof x === "string" && typeof y === "string" ? x.localeCompare(y) : Number(x) - Number(y));
    });
  }, [services.data, sort]);
  const compact = typeof innerWidth === "number" && innerWidth < 720;
  const columns = useMemo(() => {
    // One scale for each column of sparklines, so that heights compare down the table.
    const top = {
      rate: Math.max(...rows.map((row) => highest(row.rate.values)), 0),
      errors: Math.max(...rows.map((row) => highest(row.errors.values)), 0.01),
      p95: Math.max(...rows.map((row) => highest(row.p95.values)), 0),
    };
    const all: readonly Column<ServiceRow>[] = [
      {
        id: "service",
        title: "Service",
        sort: "service",
        cell: (row) => <ServiceName service={row.service} colour={colourOf(row.service)} />,
      },
      {
        id: "rate",
        title: "Rate",
        width: compact ? 76 : 88,
        align: "end",
        sort: "rate",
        cell: (row) => <span title={exact(row.ratePerSecond, "per-second")}>{formatRate(row.ratePerSecond)}</span>,
      },
      {
        id: "rate-line",
        title: "Rate over time",
        titleHidden: true,
        width: "14%",
        cell: (row) => <Sparkline line={row.rate} unit="per-second" label="Rate" max={top.rate} width={LINE} />,
      },
      {
        id: "errors",
        title: "Errors",
        width: compact ? 72 : 80,
        align: "end",
        sort: "errors",
        cell: (row) => (
          <span
            className={row.errorRatio >= 0.01 ? "error-text strong" : row.errorRatio > 0 ? "" : "faint"}
            title={exact(row.errorRatio, "ratio")}
          >
            {formatRatio(row.errorRatio)}
          </span>
        ),
      },
      {
        id: "errors-line",
        title: "Errors over time",
        titleHidden: true,
        width: "14%",
        cell: (row) => (
          <Sparkline
            width={LINE}
            line={row.errors}
            unit="ratio"
            label="Errors"
            max={top.errors}
            colour={highest(row.errors.values) > 0 ? "var(--error)" : "var(--faint)"}
          />
        ),
      },
      {
        id: "p50",
        title: "p50",
        width: 80,
        align: "end",
        sort: "p50",
        cell: (row) => <span className="secondary">{formatDuration(row.p50Ns)}</span>,
      },
      {
        id: "p95",
        title: "p95",
        width: compact ? 72 : 80,
        align: "end",
        sort: "p95",
        cell: (row) => <span title={exact(row.p95Ns, "ns")}>{formatDuration(row.p95Ns)}</span>,
      },
      {
        id: "p99",
        title: "p99",
        width: 80,
        align: "end",
        sort: "p99",
        cell: (row) => <span className="secondary">{formatDuration(row.p99Ns)}</span>,
      },
      {
        id: "p95-line",
        title: "p95 over time",
        titleHidden: true,
        width: "14%",
        cell: (row) => <Sparkline line={row.p95} unit="ns" label="p95" max={top.p95} width={LINE} />,
      },
      {
        id: "change",
        title: "Against before",
        width: 168,
        sort: "change",
        hint: "The same length of time a day before, or just before if there is no data then",
        cell: (row) => <Before row={row} />,
      },
    ];
    return compact ? all.filter(({ id }) => ["service", "rate", "errors", "p95"].includes(id)) : all;
  }, [rows, colourOf, compact]);
  return (
    <AnswerStates query={services}>
      {(data) =>
        data.services.length === 0 ? (
          <EmptyList question={question} signal="spans" what="services" />
        ) : (
          <>
            <DataTable
              label="Services"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.service}
              rowHeight={rowHeight}
              sort={sort}
              onSort={(next) => change({ sort: next === "-rate" ? undefined : next }, { replace: true })}
              onOpen={(row) => go(hrefTo(`/services/${encodeURIComponent(row.service)}`, question.address))}
              memory="services"
            />
            <div className="view-foot">
              <span className="secondary small">{formatNumberOf(data.services.length, "service")}</span>
              <span className="grow" />
              <StatisticsLine statistics={data.statistics} busy={services.isFetching} />
            </div>
          </>
        )
      }
    </AnswerStates>
  );
}

/** What changed against before, only where it says something. */
function Before({ row }: { readonly row: ServiceRow }): ReactElement {
  if (row.before === null) return <span className="badge">new</span>;
  const signs: ReactElement[] = [];
  const errors = row.errorRatio - row.before.errorRatio;
  if (Math.abs(errors) >= 0.005)
    signs.push(
      <span
        key="errors"
        className={errors > 0 ? "error-text" : "ok-text"}
        title={`errors were ${formatRatio(row.before.errorRatio)}`}
      >
        errors {errors > 0 ? "↑" : "↓"} {formatRatio(row.before.errorRatio)}
      </span>,
    );
  if (row.p95Ns !== null && row.before.p95Ns !== null) {
    const ratio = row.p95Ns / Math.max(row.before.p95Ns, 1);
    if (ratio >= 1.25 || ratio <= 0.8)
      signs.push(
        <span
          key="p95"
          className={ratio > 1 ? "warn-text" : "ok-text"}
          title={`p95 was ${formatDuration(row.before.p95Ns)}`}
        >
          p95 {formatChange(row.p95Ns, row.before.p95Ns)}
        </span>,
      );
  }
  const traffic = row.ratePerSecond / Math.max(row.before.ratePerSecond, 1e-9);
  if (traffic >= 1.5 || traffic <= 0.66)
    signs.push(
      <span key="rate" className="secondary" title={`the rate was ${formatRate(row.before.ratePerSecond)}`}>
        rate {formatChange(row.ratePerSecond, row.before.ratePerSecond)}
      </span>,
    );
  return signs.length === 0 ? <span className="faint">same</span> : <span className="before">{signs}</span>;
}
