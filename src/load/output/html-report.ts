import { writeFile } from "node:fs/promises";
import { describeError } from "#runtime/failure.ts";
import type { TimelinePoint } from "../metric/timeline.ts";
import type { RunMetric, RunRecord } from "../run-record.ts";
import { humanizeBytes, humanizeDuration, humanizeValue } from "../summary/humanize.ts";
import { type ChartOptions, chart, escapeHtml } from "./chart.ts";
import { type Output, type OutputContext, OutputSettingError, type RunEnd } from "./output.ts";

/** `-o html=FILE`: one page about the run that needs nothing else: no script, no font, no address outside. */
export function openHtmlOutput(argument: string, context: OutputContext): Output {
  if (argument === "") throw new OutputSettingError("-o html needs a file: -o html=report.html");
  let lastError: string | undefined;
  let delivered = 0;
  return {
    description: `html (${argument})`,
    wantsRaw: false,
    get counts() {
      return { delivered, retried: 0, dropped: lastError === undefined ? 0 : 1, lastError };
    },
    write: () => undefined,
    async close({ record }: RunEnd): Promise<void> {
      try {
        await writeFile(argument, htmlReport(record));
        delivered++;
      } catch (error) {
        lastError = describeError(error);
        context.warn(`output html could not write its report: ${lastError}`);
      }
    },
  };
}

const STATUS: Readonly<Record<RunRecord["status"], readonly [label: string, color: string]>> = {
  running: ["running", "--quiet"],
  passed: ["passed", "--good"],
  failed: ["failed", "--bad"],
  aborted: ["aborted", "--warn"],
  void: ["void", "--warn"],
};

export function htmlReport(record: RunRecord): string {
  const [label, color] = STATUS[record.status];
  const length = record.endedUnixMs === undefined ? undefined : record.endedUnixMs - record.startedUnixMs;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(record.name)}: ${label}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(record.name)} <span class="status" style="background:var(${color})">${label}</span></h1>
<p>${escapeHtml(new Date(record.startedUnixMs).toISOString().replace("T", " ").slice(0, 19))} UTC${length === undefined ? "" : `, ${humanizeDuration(length, "")}`}${record.reason === "" ? "" : ` · ${escapeHtml(record.reason)}`}</p>
</header>
${tiles(record)}
${thresholds(record)}
<section><h2>Over time</h2><div class="charts">${charts(record).map(chart).join("\n")}</div></section>
${checks(record)}
${metrics(record)}
${exemplars(record)}
${about(record)}
${record.notes.length === 0 ? "" : `<section><h2>Notes</h2><ul>${record.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")}</ul></section>`}
<footer>Traceo · run ${escapeHtml(record.id)}</footer>
</body>
</html>
`;
}

function tiles({ metrics: all }: RunRecord): string {
  const find = (name: string): RunMetric | undefined => all.find((metric) => metric.name === name);
  const shown: [label: string, value: string | undefined][] = [
    ["requests", count(find("http_reqs"))],
    ["requests a second", show(find("http_reqs"), "rate")],
    ["failed requests", show(find("http_req_failed"), "rate")],
    ["duration, median", show(find("http_req_duration"), "med")],
    ["duration, p95", show(find("http_req_duration"), "p(95)")],
    ["iterations", count(find("iterations"))],
    ["dropped iterations", count(find("dropped_iterations"))],
    ["checks passed", show(find("checks"), "rate")],
    ["users at most", show(find("vus_max") ?? find("vus"), "max")],
    ["received", show(find("data_received"), "count")],
  ];
  const made = shown.flatMap(([label, value]) =>
    value === undefined ? [] : [`<div><b>${escapeHtml(value)}</b><span>${label}</span></div>`],
  );
  return `<section class="tiles">${made.join("")}</section>`;
}

function show(metric: RunMetric | undefined, statistic: string): string | undefined {
  const value = metric?.values[statistic];
  if (metric === undefined || value === undefined) return undefined;
  return metric.type === "counter" && statistic === "rate"
    ? rounded(value)
    : humanizeValue(value, metric.type, metric.contains, "");
}

function count(metric: RunMetric | undefined): string | undefined {
  return metric?.values["count"]?.toLocaleString("en");
}

function thresholds({ thresholds: results }: RunRecord): string {
  if (results.length === 0) return "";
  const rows = results.map(({ metric, source, method, value, ok, undecided }) => {
    const [mark, color] = undecided ? ["undecided", "--warn"] : ok ? ["held", "--good"] : ["crossed", "--bad"];
    const shown = value === undefined ? "no samples" : `${method} = ${rounded(value)}`;
    return `<tr><td><span class="status" style="background:var(${color})">${mark}</span></td><td>${escapeHtml(metric)}</td><td><code>${escapeHtml(source)}</code></td><td class="number">${escapeHtml(shown)}</td></tr>`;
  });
  return `<section><h2>Thresholds</h2><table><tbody>${rows.join("")}</tbody></table></section>`;
}

function charts(record: RunRecord): readonly ChartOptions[] {
  const { timeline } = record;
  const seconds = timeline.map(({ fromUnixMs, widthMs }) => (fromUnixMs + widthMs / 2 - record.startedUnixMs) / 1000);
  const bands = record.phases.map(({ name, fromUnixMs, toUnixMs }) => ({
    name,
    from: Math.max(0, (fromUnixMs - record.startedUnixMs) / 1000),
    to: (toUnixMs - record.startedUnixMs) / 1000,
  }));
  const rate = (of: (point: TimelinePoint) => number): number[] =>
    timeline.map((point) => of(point) / (point.widthMs / 1000));
  const base = { seconds, bands };
  const any = (of: (point: TimelinePoint) => number): boolean => timeline.some((point) => of(point) > 0);
  return [
    {
      ...base,
      title: "Duration",
      format: (ms: number) => humanizeDuration(ms, ""),
      lines: [
        { name: "p99", color: "--line-3", values: timeline.map(({ p99 }) => p99) },
        { name: "p95", color: "--line-2", values: timeline.map(({ p95 }) => p95) },
        { name: "median", color: "--line-1", values: timeline.map(({ p50 }) => p50) },
      ],
    },
    {
      ...base,
      title: "Requests and failures a second",
      format: rounded,
      lines: [
        { name: "requests", color: "--line-1", area: true, values: rate(({ requests }) => requests) },
        { name: "failed", color: "--bad", area: true, values: rate(({ failedRequests }) => failedRequests) },
      ],
    },
    {
      ...base,
      title: "Users",
      format: rounded,
      lines: [{ name: "users", color: "--line-4", area: true, values: timeline.map(({ users }) => users) }],
    },
    {
      ...base,
      title: "Iterations a second",
      format: rounded,
      lines: [
        { name: "iterations", color: "--line-1", area: true, values: rate(({ iterations }) => iterations) },
        ...(any(({ droppedIterations }) => droppedIterations)
          ? [{ name: "dropped", color: "--bad", area: true, values: rate((point) => point.droppedIterations) }]
          : []),
      ],
    },
    {
      ...base,
      title: "Bytes a second",
      format: humanizeBytes,
      lines: [
        { name: "received", color: "--line-1", values: rate(({ bytesReceived }) => bytesReceived) },
        { name: "sent", color: "--line-2", values: rate(({ bytesSent }) => bytesSent) },
      ],
    },
  ];
}

function checks({ checks: results }: RunRecord): string {
  if (results.length === 0) return "";
  const rows = results.map(({ name, passes, fails }) => {
    const share = (100 * passes) / Math.max(1, passes + fails);
    const color = fails === 0 ? "--good" : "--bad";
    return `<tr><td>${escapeHtml(name)}</td><td class="bar"><i style="width:${share.toFixed(1)}%;background:var(${color})"></i></td><td class="number">${passes.toLocaleString("en")} of ${(passes + fails).toLocaleString("en")}</td></tr>`;
  });
  return `<section><h2>Checks</h2><table><tbody>${rows.join("")}</tbody></table></section>`;
}

const TREND_COLUMNS = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"];

function metrics({ metrics: all }: RunRecord): string {
  const cell = (text: string | undefined): string => `<td class="number">${escapeHtml(text ?? "")}</td>`;
  const trends = all.filter(({ type }) => type === "trend");
  const others = all.filter(({ type }) => type !== "trend");
  const trendRows = trends.map(
    (metric) =>
      `<tr><td>${escapeHtml(metric.name)}</td>${cell(metric.samples.toLocaleString("en"))}${TREND_COLUMNS.map((name) => cell(show(metric, name))).join("")}</tr>`,
  );
  const otherRows = others.map((metric) => {
    const values = Object.keys(metric.values).map((name) => {
      const plain = name === "passes" || name === "fails";
      return `${name} ${plain ? metric.values[name]!.toLocaleString("en") : show(metric, name)}`;
    });
    return `<tr><td>${escapeHtml(metric.name)}</td><td>${escapeHtml(values.join(" · "))}</td></tr>`;
  });
  const head = ["", "samples", ...TREND_COLUMNS].map((name) => `<th>${name}</th>`).join("");
  return `<section><h2>Metrics</h2>${trends.length === 0 ? "" : `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${trendRows.join("")}</tbody></table></div>`}<table><tbody>${otherRows.join("")}</tbody></table></section>`;
}

function exemplars({ exemplars: list }: RunRecord): string {
  if (list.length === 0) return "";
  const rows = list
    .slice(0, 20)
    .map(
      ({ traceId, durationMs, tags }) =>
        `<tr><td class="number">${humanizeDuration(durationMs, "")}</td><td>${escapeHtml(`${tags["method"] ?? ""} ${tags["name"] ?? tags["url"] ?? ""}`)}</td><td>${escapeHtml(tags["status"] ?? "")}</td><td><code>${escapeHtml(traceId)}</code></td></tr>`,
    );
  return `<section><h2>Slowest requests</h2><table><thead><tr><th>duration</th><th>request</th><th>status</th><th>trace</th></tr></thead><tbody>${rows.join("")}</tbody></table></section>`;
}

function about({ script, tags, git, machine, scenarios, generators }: RunRecord): string {
  const rows: [string, string][] = [
    ["script", `${script.path} (sha256 ${script.sha256.slice(0, 12)})`],
    ...(git === undefined
      ? []
      : ([["commit", `${git.commit.slice(0, 12)} on ${git.branch}${git.dirty ? ", with changes" : ""}`]] as [
          string,
          string,
        ][])),
    ["machine", `${machine.host}, ${machine.platform}, ${machine.cpus} CPUs, ${humanizeBytes(machine.memoryBytes)}`],
    ["program", `Traceo ${machine.traceo}, Node ${machine.node}`],
    ...Object.entries(tags).map(([key, value]): [string, string] => [`tag ${key}`, value]),
    ...Object.entries(scenarios).map(([name, scenario]): [string, string] => [
      `scenario ${name}`,
      JSON.stringify(scenario),
    ]),
    ...generators
      .filter(({ lostUnixMs }) => lostUnixMs !== undefined)
      .map(({ name }): [string, string] => ["lost generator", name]),
  ];
  return `<section><h2>About this run</h2><table><tbody>${rows.map(([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`).join("")}</tbody></table></section>`;
}

function rounded(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}

const STYLE = `
:root{--back:#fbfbfa;--card:#fff;--text:#1d1d1b;--quiet:#6f6e69;--edge:#e4e3df;--good:#2e7d4f;--bad:#c0392b;--warn:#b7791f;--line-1:#3467c9;--line-2:#d1882b;--line-3:#b04a7a;--line-4:#3a8f7b}
@media (prefers-color-scheme:dark){:root{--back:#161615;--card:#1f1f1d;--text:#ecebe6;--quiet:#9b9a94;--edge:#34332f;--good:#3f9d68;--bad:#d9574a;--warn:#c98f35;--line-1:#6f9bf0;--line-2:#e0a552;--line-3:#d67ba6;--line-4:#5fb8a3}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:32px 24px;background:var(--back);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:24px;margin:0;display:flex;gap:12px;align-items:center;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 10px}
header p{color:var(--quiet);margin:4px 0 0}
section{margin:28px 0 0}
.status{color:#fff;font-size:12px;font-weight:600;padding:2px 9px;border-radius:10px;white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px}
.tiles div,figure,table{background:var(--card);border:1px solid var(--edge);border-radius:8px}
.tiles div{padding:12px 14px}
.tiles b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.tiles span{color:var(--quiet);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:12px}
figure{margin:0;padding:12px 12px 6px}
figcaption{display:flex;justify-content:space-between;gap:12px;font-size:13px;font-weight:600;margin-bottom:4px}
.legend{display:flex;gap:12px;font-weight:400;color:var(--quiet)}
.legend i{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:5px}
svg{display:block;width:100%;height:auto}
svg polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
svg .area{opacity:.16}
svg .grid{stroke:var(--edge)}
svg .band{fill:var(--quiet);opacity:.09}
svg .tick{fill:var(--quiet);font-size:11px}
table{border-collapse:separate;border-spacing:0;width:100%;margin:0 0 10px;font-size:14px}
td,th{padding:7px 12px;text-align:left;border-bottom:1px solid var(--edge);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
th{color:var(--quiet);font-weight:500;text-align:right}
th:first-child{text-align:left}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wide{overflow-x:auto}
.bar{width:40%}
.bar i{display:block;height:8px;border-radius:4px;margin-top:7px}
code{font:13px ui-monospace,monospace}
footer{color:var(--quiet);font-size:12px;margin-top:32px}
@media print{body{max-width:none;padding:0}section{break-inside:avoid}}
`.replaceAll("\n", "");
