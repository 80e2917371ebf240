import { type ReactElement, useMemo } from "react";
import type { Patterns as Answer } from "../../../../src/api/contract/shapes.ts";
import { formatCount, formatRatio } from "../../format/quantity.ts";
import { severityOf } from "../../format/severity.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer as AnswerStates } from "../../part/answer.tsx";
import { type Column, DataTable } from "../../part/data-table.tsx";
import { EmptyList } from "../../part/empty.tsx";
import { useRowHeight } from "../../part/row-height.ts";
import { ServiceName } from "../../part/service-name.tsx";
import { Sparkline } from "../../part/sparkline.tsx";
import { TelemetryText } from "../../part/telemetry-text.tsx";
import { useAnswer } from "../../server/answers.ts";
import { type Parameters, type Question, useChange, withFilter } from "../../state/question.ts";

type Pattern = Answer["patterns"][number];

/** Lines by template: what repeats, how often, and whether it is growing. */
export function Patterns({
  question,
  parameters,
}: {
  readonly question: Question;
  readonly parameters: Parameters;
}): ReactElement {
  const change = useChange();
  const rowHeight = useRowHeight();
  const colourOf = useServiceColours();
  const patterns = useAnswer<Answer>("/logs/patterns", parameters);
  const columns = useMemo<readonly Column<Pattern>[]>(
    () => [
      {
        id: "severity",
        title: "Severity",
        titleHidden: true,
        width: 40,
        cell: (row) => {
          const severity = severityOf(row.severityNumber);
          return (
            <span className="severity-letter" style={{ color: `var(--${severity.colour})` }} title={severity.name}>
              {severity.letter}
            </span>
          );
        },
      },
      {
        id: "count",
        title: "Lines",
        width: 80,
        align: "end",
        cell: (row) => <span title={row.count.toLocaleString("en-US")}>{formatCount(row.count)}</span>,
      },
      {
        id: "share",
        wideOnly: true,
        title: "Share",
        width: 72,
        align: "end",
        cell: (row) => <span className="secondary">{formatRatio(Number(row.share.toFixed(3)))}</span>,
      },
      {
        id: "trend",
        wideOnly: true,
        title: "Trend",
        width: 124,
        cell: (row) => <Sparkline line={row.trend} unit="count" label="Lines over time" width={108} height={18} />,
      },
      {
        id: "service",
        wideOnly: true,
        title: "Service",
        width: 150,
        cell: (row) => <ServiceName service={row.service} colour={colourOf(row.service)} />,
      },
      {
        id: "template",
        title: "Pattern",
        cell: (row) => (
          <span className="mono">
            <TelemetryText text={row.template} max={300} />
          </span>
        ),
      },
    ],
    [colourOf],
  );
  return (
    <AnswerStates query={patterns}>
      {(data) =>
        data.patterns.length === 0 ? (
          <EmptyList question={question} signal="logs" what="lines" />
        ) : (
          <DataTable
            label="Patterns"
            columns={columns}
            rows={data.patterns}
            rowKey={(row) => `${row.service} ${row.severityNumber} ${row.template}`}
            rowHeight={rowHeight}
            minWidth={720}
            onOpen={(row) =>
              change({
                tab: undefined,
                where: withFilter(
                  withFilter(question.address.where, { field: "service", op: "=", values: [row.service] }),
                  { field: "template", op: "=", values: [row.template] },
                ),
              })
            }
          />
        )
      }
    </AnswerStates>
  );
}
