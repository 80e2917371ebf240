import { type ReactElement, useEffect, useMemo } from "react";
import type { Heatmap as HeatmapAnswer } from "../../../../src/api/contract/shapes.ts";
import { formatCount, formatDuration } from "../../format/quantity.ts";
import { Answer, SkeletonBlock, StatisticsLine } from "../../part/answer.tsx";
import { FacetPanel } from "../../part/facet-panel.tsx";
import { Icon } from "../../part/icon.tsx";
import { QueryBar } from "../../part/query-bar.tsx";
import { ViewTitle } from "../../part/view-title.tsx";
import { useAnswer } from "../../server/answers.ts";
import { parseSelection, printSelection } from "../../state/address.ts";
import { type Parameters, useChange, useQuestion } from "../../state/question.ts";
import { Differences } from "./differences.tsx";
import { Heatmap } from "./heatmap.tsx";
import { scaleTop } from "./heatmap-pixels.ts";
import { SpansBy } from "./spans-by.tsx";
import { TraceList } from "./trace-list.tsx";
import "./traces.css";

const COLUMNS = 180;
const ROWS = 96;
const FACETS = ["service", "name", "status"];

/** Where the slow and the failed ones are, what tells them apart, and each of them. */
export function Traces(): ReactElement {
  const question = useQuestion("spans");
  const change = useChange();
  const selection = parseSelection(question.address.select);
  const group = question.address.group?.[0];
  const map = useAnswer<HeatmapAnswer>(
    "/spans/heatmap",
    { ...question.parameters, columns: COLUMNS, rows: ROWS },
    { enabled: group === undefined },
  );
  const top = useMemo(() => scaleTop(map.data?.counts ?? []), [map.data]);

  useEffect(() => {
    if (question.address.select === undefined) return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented && document.querySelector("dialog[open]") === null)
        change({ select: undefined });
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [question.address.select, change]);

  // The list shows what is selected.
  const listed: Parameters =
    selection === null
      ? question.parameters
      : selection.kind === "filter"
        ? { ...question.parameters, where: [...question.where, selection.filter] }
        : {
            from: Math.floor(selection.fromMs),
            to: Math.ceil(selection.toMs),
            where: [
              ...question.where,
              ...(selection.lowNs === null || selection.highNs === null
                ? []
                : [`duration >= ${Math.floor(selection.lowNs)}ns`, `duration < ${Math.ceil(selection.highNs)}ns`]),
            ],
          };

  return (
    <div className="view">
      <ViewTitle>
        <h1>Traces</h1>
      </ViewTitle>
      <QueryBar
        question={question}
        signal="spans"
        placeholder="service = checkout   duration > 500ms   status = error"
      />
      <div className="heatmap-panel">
        {group !== undefined && (
          <button type="button" className="button small heatmap-ungroup" onClick={() => change({ group: undefined })}>
            <Icon name="close" size={12} /> heatmap again
          </button>
        )}
        {group !== undefined ? (
          <SpansBy question={question} field={group} />
        ) : (
          <>
            <div className="row heatmap-head small">
              <strong className="secondary">Spans by duration</strong>
              <span className="faint wide-only">drag to select and compare · shift-drag to zoom</span>
              <span className="grow" />
              {map.data !== undefined && (
                <span className="faint heatmap-legend">
                  1 <span aria-hidden="true" className="heatmap-scale" /> {formatCount(top)} spans{" "}
                  <span aria-hidden="true" className="heatmap-error-sample" /> failed ·{" "}
                  {formatDuration(map.data.stepMs * 1e6)} a column
                </span>
              )}
              <StatisticsLine statistics={map.data?.statistics} busy={map.isFetching} />
            </div>
            <Answer query={map} skeleton={<SkeletonBlock height={196} />}>
              {(data) =>
                data.rows === 0 ? (
                  <div className="heatmap-none" />
                ) : (
                  <Heatmap
                    map={data}
                    zone={question.zone}
                    nowMs={question.nowMs}
                    selection={selection}
                    onSelect={(next) =>
                      change({ select: next === null ? undefined : printSelection(next), live: undefined })
                    }
                    onZoom={(fromMs, toMs) =>
                      change({
                        from: new Date(fromMs).toISOString(),
                        to: new Date(toMs).toISOString(),
                        select: undefined,
                        live: undefined,
                      })
                    }
                  />
                )
              }
            </Answer>
          </>
        )}
      </div>
      {selection !== null && <Differences question={question} selection={selection} />}
      <div className="split">
        <FacetPanel question={question} signal="spans" standard={FACETS} />
        <div className="middle">
          <TraceList question={question} parameters={listed} />
        </div>
      </div>
    </div>
  );
}
