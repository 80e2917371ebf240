import { type ReactElement, useMemo } from "react";
import { printFilter } from "../../../../src/api/contract/filter.ts";
import type { Differences as Answer, Difference } from "../../../../src/api/contract/shapes.ts";
import { formatMinute } from "../../format/clock-time.ts";
import { plainText } from "../../format/hostile.ts";
import { formatCount, formatDuration, formatPoints, formatRatio } from "../../format/quantity.ts";
import { Answer as AnswerStates, SkeletonRows, StatisticsLine } from "../../part/answer.tsx";
import { Icon } from "../../part/icon.tsx";
import { ChipText } from "../../part/query-bar.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { ValueHandle } from "../../part/value-handle.tsx";
import { useAnswer } from "../../server/answers.ts";
import type { Selection } from "../../state/address.ts";
import { type Question, useChange, withFilter } from "../../state/question.ts";

export interface DifferencesProps {
  readonly question: Question;
  readonly selection: Selection;
}

/** How the API names a selection. */
export function selectionParameters(
  selection: Selection,
): Readonly<Record<string, string | number | readonly string[]>> {
  if (selection.kind === "filter") return { selectWhere: [selection.filter] };
  return {
    selectFrom: Math.floor(selection.fromMs),
    selectTo: Math.ceil(selection.toMs),
    ...(selection.lowNs === null || selection.highNs === null
      ? {}
      : {
          selectMinDuration: `${Math.floor(selection.lowNs)}ns`,
          selectMaxDuration: `${Math.ceil(selection.highNs)}ns`,
        }),
  };
}

/** What tells the selected from the rest, ranked, over every matching row. */
export function Differences({ question, selection }: DifferencesProps): ReactElement {
  const change = useChange();
  const answer = useAnswer<Answer>("/spans/differences", { ...question.parameters, ...selectionParameters(selection) });
  const most = useMemo(
    () => Math.max(0.01, ...(answer.data?.differences ?? []).map((row) => Math.max(row.insideShare, row.outsideShare))),
    [answer.data],
  );
  const asFilters = (): void => {
    if (selection.kind === "filter") {
      change({ where: [...(question.address.where ?? []), selection.filter], select: undefined });
      return;
    }
    let where: readonly string[] = question.address.where ?? [];
    if (selection.lowNs !== null && selection.highNs !== null) {
      where = withFilter(where, { field: "duration", op: ">=", values: [`${Math.floor(selection.lowNs)}ns`] });
      where = withFilter(where, { field: "duration", op: "<", values: [`${Math.ceil(selection.highNs)}ns`] });
    }
    change({
      where,
      from: new Date(selection.fromMs).toISOString(),
      to: new Date(selection.toMs).toISOString(),
      select: undefined,
      live: undefined,
    });
  };
  return (
    <section className="differences" aria-label="Differences">
      <div className="toolbar list-bar">
        <strong>What is different about</strong>
        {selection.kind === "filter" ? (
          <span className="chip">
            <span className="chip-text">
              <ChipText text={selection.filter} />
              {"\u00a0"}
            </span>
          </span>
        ) : (
          <span className="secondary">
            {formatMinute(selection.fromMs, question.zone, question.nowMs, true)} –{" "}
            {formatMinute(selection.toMs, question.zone, question.nowMs, true)}
            {selection.lowNs !== null &&
              selection.highNs !== null &&
              ` · ${formatDuration(selection.lowNs)} – ${formatDuration(selection.highNs)}`}
          </span>
        )}
        {answer.data !== undefined && (
          <span className="secondary">
            {formatCount(answer.data.insideCount)} selected against {formatCount(answer.data.outsideCount)} others
          </span>
        )}
        <span className="grow" />
        <StatisticsLine statistics={answer.data?.statistics} busy={answer.isFetching} />
        <button type="button" className="button small" onClick={asFilters}>
          <Icon name="filter" size={14} /> Only these
        </button>
        <button
          type="button"
          className="icon-button small"
          aria-label="Clear the selection"
          title="Clear  esc"
          onClick={() => change({ select: undefined })}
        >
          <Icon name="close" size={14} />
        </button>
      </div>
      <AnswerStates query={answer} skeleton={<SkeletonRows rows={6} />}>
        {(data) => (
          <>
            {data.note !== null && (
              <p className="differences-note warn-text">
                <Icon name="alert" size={14} /> {data.note}
              </p>
            )}
            {data.differences.length === 0 ? (
              data.note === null && <p className="differences-note secondary">Nothing recorded tells them apart.</p>
            ) : (
              <ol className="differences-list">
                {data.differences.map((row, i) => (
                  <DifferenceRow key={`${row.field} ${row.value}`} row={row} rank={i + 1} most={most} />
                ))}
              </ol>
            )}
          </>
        )}
      </AnswerStates>
    </section>
  );
}

function DifferenceRow({
  row,
  rank,
  most,
}: {
  readonly row: Difference;
  readonly rank: number;
  readonly most: number;
}): ReactElement {
  const label = `${printFilter({ field: row.field, op: "=", values: [row.value] })}: ${formatRatio(row.insideShare)} of the selected, ${formatRatio(row.outsideShare)} of the others`;
  const sure = row.low > 0 || row.high < 0;
  return (
    <li className="difference" title={plainText(label, 300)}>
      <span className="faint difference-rank">{rank}</span>
      <span className="difference-what">
        <span className="secondary cut">
          <TelemetryText text={row.field.replace(/^(attributes|resource)\./, "")} max={60} />
        </span>
        <ValueHandle field={row.field} value={row.value} signal="spans" className="mono cut difference-value">
          <TelemetryText text={row.value} max={120} />
        </ValueHandle>
      </span>
      <span className="difference-bars">
        <span className="difference-bar" role="img" aria-label={`selected ${formatRatio(row.insideShare)}`}>
          <span className="inside" style={{ width: `${(row.insideShare / most) * 100}%` }} />
        </span>
        <span className="difference-bar" role="img" aria-label={`others ${formatRatio(row.outsideShare)}`}>
          <span className="outside" style={{ width: `${(row.outsideShare / most) * 100}%` }} />
        </span>
      </span>
      <span className="number difference-shares">
        <span title={`${row.insideCount.toLocaleString("en-US")} rows`}>
          {formatRatio(Number(row.insideShare.toFixed(3)))}
        </span>
        <span className="secondary" title={`${row.outsideCount.toLocaleString("en-US")} rows`}>
          {formatRatio(Number(row.outsideShare.toFixed(3)))}
        </span>
      </span>
      <span className="number difference-points">
        <strong className={sure ? "" : "faint"}>{formatPoints(row.difference)}</strong>
        <span className="faint small">
          {formatPoints(row.low)} … {formatPoints(row.high)}
        </span>
      </span>
      <span className="number faint small difference-coverage" title="Share of all rows that have the field at all">
        {row.coverage < 0.995 ? `on ${formatRatio(Number(row.coverage.toFixed(2)))} of rows` : ""}
      </span>
    </li>
  );
}
