import { type ReactElement, useMemo } from "react";
import type { Histogram } from "../../../../src/api/contract/shapes.ts";
import { plainText } from "../../format/hostile.ts";
import { PALETTES } from "../../look/palette.ts";
import { useServiceColours } from "../../look/service-colour.ts";
import { Answer, SkeletonBlock } from "../../part/answer.tsx";
import { Chart } from "../../part/chart.tsx";
import { seriesOfGroups } from "../../part/group-series.ts";
import { useAnswer } from "../../server/answers.ts";
import { printSelection } from "../../state/address.ts";
import { useTheme } from "../../state/preferences.ts";
import { type Question, useChange } from "../../state/question.ts";

const BUCKETS = 80;

/** How many spans, by the values of one field. */
export function SpansBy({ question, field }: { readonly question: Question; readonly field: string }): ReactElement {
  const change = useChange();
  const palette = PALETTES[useTheme()];
  const colourOf = useServiceColours();
  const histogram = useAnswer<Histogram>("/spans/histogram", {
    ...question.parameters,
    groupBy: field,
    buckets: BUCKETS,
  });
  const series = useMemo(
    () => (histogram.data === undefined ? [] : seriesOfGroups(histogram.data, field, palette, colourOf)),
    [histogram.data, field, palette, colourOf],
  );
  return (
    <Answer query={histogram} skeleton={<SkeletonBlock height={196} />}>
      {(data) => (
        <Chart
          name={`Spans by ${plainText(field.replace(/^(attributes|resource)\./, ""), 60)}`}
          unit="count"
          mode="bars"
          height={150}
          startMs={data.startMs}
          stepMs={data.stepMs}
          endMs={question.range.toMs}
          series={series}
          zone={question.zone}
          nowMs={question.nowMs}
          onZoom={(fromMs, toMs) =>
            change({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), live: undefined })
          }
          onCompare={(fromMs, toMs) =>
            change({ select: printSelection({ kind: "region", fromMs, toMs, lowNs: null, highNs: null }) })
          }
        />
      )}
    </Answer>
  );
}
