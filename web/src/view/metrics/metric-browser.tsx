import { type ReactElement, useEffect, useRef, useState } from "react";
import { parseFilter } from "../../../../src/api/contract/filter.ts";
import type { Metrics, SeriesAnswer } from "../../../../src/api/contract/shapes.ts";
import { formatCount, formatMeasure, unitOf } from "../../format/quantity.ts";
import { Answer, SkeletonBlock, StatisticsLine } from "../../part/answer.tsx";
import { AppLink } from "../../part/app-link.tsx";
import { Empty, EmptyList } from "../../part/empty.tsx";
import { Sparkline } from "../../part/sparkline.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { useAnswer } from "../../server/answers.ts";
import { usePages } from "../../server/pages.ts";
import { hrefTo, type Question, useChange } from "../../state/question.ts";
import { standardAggregate } from "./aggregates.ts";

type Metric = Metrics["metrics"][number];
const PAGE = 60;
const PREVIEW_STEPS = 60;

/** Every metric as a small chart; those out of sight ask for nothing. */
export function MetricBrowser({ question }: { readonly question: Question }): ReactElement {
  const change = useChange();
  const [search, setSearch] = useState(question.address.text ?? "");
  const service = serviceOf(question);
  const metrics = usePages<Metrics>("/metrics", {
    from: question.parameters["from"],
    to: question.parameters["to"],
    search: question.address.text,
    service,
    limit: PAGE,
  });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <>
      <div className="toolbar list-bar">
        <input
          className="input metric-search"
          type="search"
          aria-label="Find a metric by name"
          placeholder="Find a metric by name"
          value={search}
          onChange={(event) => {
            const words = event.target.value;
            setSearch(words);
            clearTimeout(timer.current);
            timer.current = setTimeout(
              () => change({ text: words === "" ? undefined : words }, { replace: true }),
              200,
            );
          }}
        />
        <span className="grow" />
        <StatisticsLine statistics={metrics.data?.pages[0]?.statistics} busy={metrics.isFetching} />
      </div>
      <Answer
        query={metrics}
        skeleton={
          <div className="metric-grid">
            {Array.from({ length: 12 }, (_, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
              <SkeletonBlock key={i} height={132} />
            ))}
          </div>
        }
      >
        {(data) => {
          const list = data.pages.flatMap((page) => page.metrics);
          if (list.length === 0)
            return question.address.text === undefined && question.where.length === 0 ? (
              <EmptyList question={question} signal="metrics" what="metrics" />
            ) : (
              <Empty icon="metrics" title="No metric by that name" />
            );
          return (
            <>
              <ul className="metric-grid">
                {list.map((metric) => (
                  <MetricCard key={metric.name} metric={metric} question={question} />
                ))}
              </ul>
              {metrics.hasNextPage && (
                <div className="list-footer">
                  <button
                    type="button"
                    className="button"
                    disabled={metrics.isFetchingNextPage}
                    onClick={() => void metrics.fetchNextPage()}
                  >
                    More metrics
                  </button>
                </div>
              )}
            </>
          );
        }}
      </Answer>
    </>
  );
}

function serviceOf(question: Question): string | undefined {
  for (const text of question.where) {
    const filter = parseFilter(text);
    if (!("message" in filter) && filter.field === "service" && filter.op === "=") return filter.values[0];
  }
  return undefined;
}

function MetricCard({ metric, question }: { readonly metric: Metric; readonly question: Question }): ReactElement {
  const card = useRef<HTMLLIElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = card.current;
    if (element === null || seen) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting === true && setSeen(true), {
      rootMargin: "200px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [seen]);
  const aggregate = standardAggregate(metric.type);
  const series = useAnswer<SeriesAnswer>(
    `/metrics/${encodeURIComponent(metric.name)}/series`,
    {
      ...question.parameters,
      aggregate,
      limit: 1,
      step: `${Math.max(1, Math.round((question.range.toMs - question.range.fromMs) / PREVIEW_STEPS / 1000))}s`,
    },
    { enabled: seen },
  );
  const { unit, suffix } = unitOf(metric.unit);
  const line = series.data?.series[0];
  const last = line?.values.findLast((value) => value !== null) ?? null;
  return (
    <li ref={card}>
      <AppLink
        href={hrefTo("/metrics", question.address, { metric: metric.name })}
        className="panel metric-card"
        title={metric.description}
      >
        <span className="metric-name mono">
          <TelemetryText text={metric.name} max={120} />
        </span>
        <span className="row small faint">
          <span>{metric.type}</span>
          <span>{formatCount(metric.seriesCount)} series</span>
          <span className="grow" />
          <span className="metric-last">
            {last === null ? "" : formatMeasure(last, unit, aggregate === "rate" ? `${suffix}/s` : suffix)}
          </span>
        </span>
        <span className="metric-line">
          {line !== undefined && series.data !== undefined ? (
            <Sparkline
              line={{ startMs: series.data.startMs, stepMs: series.data.stepMs, values: line.values }}
              unit={unit}
              label={metric.name}
              width={240}
              height={56}
              colour="var(--accent)"
            />
          ) : series.isError ? (
            <span className="small faint">no preview</span>
          ) : null}
        </span>
      </AppLink>
    </li>
  );
}
