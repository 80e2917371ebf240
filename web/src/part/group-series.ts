import type { Histogram } from "../../../src/api/contract/shapes.ts";
import { SEVERITIES, severityNamed } from "../format/severity.ts";
import type { Palette } from "../look/palette.ts";
import type { ServiceColour } from "../look/service-colour.ts";
import type { ChartSeries } from "./chart.tsx";

const MOST = 8;

/** A histogram's groups as stacked series: severity and status in their own colours, services in theirs, the rest by slot; past eight, the smallest are one. */
export function seriesOfGroups(
  histogram: Histogram,
  field: string,
  palette: Palette,
  colourOf: (service: string) => ServiceColour,
): readonly ChartSeries[] {
  const length = Math.max(0, ...histogram.groups.map(({ counts }) => counts.length));
  const summed = (groups: Histogram["groups"]): number[] =>
    Array.from({ length }, (_, i) => groups.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0));
  if (field === "severity")
    return SEVERITIES.flatMap((severity) => {
      const groups = histogram.groups.filter(({ name }) => severityNamed(name) === severity);
      return groups.length === 0
        ? []
        : [
            {
              label: severity.name,
              values: summed(groups),
              colour: severity.name === "trace" ? palette.line : palette[severity.colour],
            },
          ];
    });
  const total = ({ counts }: Histogram["groups"][number]): number => counts.reduce((a, b) => a + b, 0);
  const ranked = [...histogram.groups].sort((a, b) => total(b) - total(a));
  const shown = ranked.slice(0, MOST);
  const rest = ranked.slice(MOST);
  const colour = (name: string, i: number): string => {
    if (field === "service") return colourOf(name).colour;
    if (field === "status") return name === "error" ? palette.error : name === "ok" ? palette.ok : palette.faint;
    return palette.services[i % 8]!;
  };
  return [
    ...shown.map(
      (group, i): ChartSeries => ({
        label: group.name === "" ? "(none)" : group.name,
        values: [...group.counts],
        colour: colour(group.name, i),
      }),
    ),
    ...(rest.length === 0 ? [] : [{ label: `${rest.length} more`, values: summed(rest), colour: palette.faint }]),
  ];
}
