import { humanizeDuration } from "../summary/humanize.ts";
import { type CountResult, type GateResult, type GateVerdict, LEAST_PAIRS, percent } from "./gate.ts";
import type { Prediction } from "./stored-baseline.ts";

export interface GateReportAbout {
  readonly baseline: string;
  readonly candidate: string;
  readonly script: string;
  readonly slotMs: number;
  /** Named addresses: the runs in Traceo, the CI job. */
  readonly links: readonly { readonly name: string; readonly url: string }[];
}

const TITLES: Readonly<Record<GateVerdict, string>> = {
  regression: "❌ Slower",
  pass: "✅ Not slower",
  inconclusive: "❔ Inconclusive",
};

/** The gate's result as Markdown for a pull request. */
export function gateReport(result: GateResult, about: GateReportAbout): string {
  const { metrics, errors, drops, pairs, leftOut, options, reasons, verdict } = result;
  return [
    `## ${TITLES[verdict]}: ${code(about.candidate)} against ${code(about.baseline)}`,
    "",
    ...reasons.map((reason) => `- ${reason}`),
    "",
    "| | baseline | candidate | change | 95% interval | could have shown | |",
    "|---|---:|---:|---:|:---:|---:|---|",
    ...metrics.map(
      ({ name, baselineMs, candidateMs, change, low, high, smallestEffect, verdict: one }) =>
        `| ${name} | ${humanizeDuration(baselineMs, "")} | ${humanizeDuration(candidateMs, "")} | ${Number.isNaN(change) ? "" : percent(change)} | ${percent(low)} … ${percent(high)} | ${Number.isFinite(smallestEffect) ? percent(smallestEffect) : "nothing"} | ${one} |`,
    ),
    countRow("failed requests", errors),
    countRow("dropped iterations", drops),
    "",
    `${code(about.script)}, ${pairs} interleaved pairs of ${humanizeDuration(about.slotMs, "")} slots, tolerance ${percent(options.tolerance)}.` +
      (pairs < LEAST_PAIRS ? ` Under ${LEAST_PAIRS} pairs the exact test cannot show anything.` : ""),
    ...(leftOut.length === 0 ? [] : ["", `Left out: ${leftOut.join("; ")}.`]),
    ...(about.links.length === 0 ? [] : ["", about.links.map(({ name, url }) => `[${name}](${url})`).join(" · ")]),
    "",
    "<details><summary>How this was decided</summary>",
    "",
    "Both versions ran in turns (A B B A …), each two neighbouring slots are a pair. Change: Hodges-Lehmann estimate of the pairs' log-ratios; interval: exact signed-rank; p-values adjusted over the metrics (Holm). A regression needs an interval above 0 and an estimate above the tolerance; a pass needs the whole interval below the tolerance. “Could have shown”: the slowdown that such data reveal four times in five. Failed requests and drops: exact test over the pairs, which allows for bursts.",
    "",
    "</details>",
    "",
  ].join("\n");
}

function countRow(
  name: string,
  { baseline, candidate, baselineShare, candidateShare, burstsAllowed, verdict }: CountResult,
) {
  const share = (value: number): string => `${(value * 100).toFixed(2)}%`;
  return `| ${name} | ${baseline} (${share(baselineShare)}) | ${candidate} (${share(candidateShare)}) | | p = ${burstsAllowed.toPrecision(2)} | | ${verdict} |`;
}

/** A run against stored ones: says that it is a prediction, not a verdict. */
export function predictionReport(predictions: readonly Prediction[]): string {
  if (predictions.length === 0) return "No prediction: at least three earlier runs of the same name are needed.\n";
  return [
    "| | expected | 95% of runs | this run | change | |",
    "|---|---:|:---:|---:|---:|---|",
    ...predictions.map(
      ({ name, expectedMs, lowMs, highMs, observedMs, change, outside }) =>
        `| ${name} | ${humanizeDuration(expectedMs, "")} | ${humanizeDuration(lowMs, "")} … ${humanizeDuration(highMs, "")} | ${humanizeDuration(observedMs, "")} | ${percent(change)} | ${outside ?? "within"} |`,
    ),
    "",
    `A prediction from ${predictions[0]!.runs} earlier runs, not a verdict: what changed between the days cannot be told from the version. A slowdown below ${percent(Math.min(...predictions.map(({ smallestVisible }) => smallestVisible)))} could not have shown. To compare versions, start both: \`traceo load gate\`.`,
    "",
  ].join("\n");
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}
