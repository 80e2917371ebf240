import type { SampleFrame } from "../metric/frame.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder } from "../metric/recorder.ts";
import { Timeline } from "../metric/timeline.ts";
import { Totals } from "../metric/totals.ts";
import { InvalidOptions } from "../option/reader.ts";
import { openOutput } from "../output/open-output.ts";
import { type Output, type OutputContext, OutputSettingError } from "../output/output.ts";
import type { RunRecord } from "../run-record.ts";
import { runFigures } from "../summary/run-figures.ts";
import { exportedSummary, type SummaryData, summaryData } from "../summary/summary-data.ts";
import { summaryReport } from "../summary/summary-report.ts";
import type { SummarySource } from "../summary/summary-source.ts";
import { summaryText } from "../summary/summary-text.ts";
import { bindThresholds, type ThresholdVerdict } from "../threshold/threshold-set.ts";
import { LOAD_EXIT, LoadFailure } from "./exit-code.ts";
import type { Ledger, OpenLedger, SummaryContext } from "./ledger.ts";
import { startRecord } from "./run-record-start.ts";

export interface LedgerSettings {
  /** `json=out.json`, `traceo`, …. */
  readonly outputs: readonly string[];
  /** Where outputs read their settings. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What people call the run; the script's file name when not given. */
  readonly name: string | undefined;
  /** Of this program. */
  readonly version: string;
  /** For outputs that write to standard output. */
  readonly write: (chunk: string | Uint8Array) => void;
}

/** The coordinator's own frames. */
const OWN_GENERATOR = 0;

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

/** Totals, thresholds, summary and outputs of a run. */
export function ledgerWith({ outputs, environment, name, version, write }: LedgerSettings): OpenLedger {
  return async (options, metrics, { script, sha256 }, remark) => {
    const totals = new Totals();
    for (const metric of metrics) totals.registry.define(metric.name, metric.type, metric.contains);
    const { thresholds, invalid } = bindThresholds(totals, options.thresholds);
    if (invalid.length > 0)
      throw new InvalidOptions(
        invalid.map(({ metric, message }) => ({ path: `options.thresholds[${JSON.stringify(metric)}]`, message })),
      );
    const record = await startRecord(options, { script, sha256, name, version, environment }, nowUnixMs());
    const opened = openAll(outputs, {
      totals,
      environment,
      systemTags: options.systemTags,
      thresholds: options.thresholds,
      record,
      stdout: { write },
      warn: remark,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
    const timeline = new Timeline(totals.registry);
    const registry = new MetricRegistry();
    const recorder = new Recorder(
      registry,
      { generator: OWN_GENERATOR, raw: opened.some(({ wantsRaw }) => wantsRaw) },
      nowUnixMs(),
    );
    let verdict: ThresholdVerdict = { results: [], breached: [], abort: false };

    const take = (frame: SampleFrame): void => {
      const merged = totals.merge(frame);
      timeline.add(merged);
      for (const output of opened) output.write(merged);
    };
    const source = (durationMs: number): SummarySource => ({ totals, thresholds, verdict, options, durationMs });
    const dataOf = (context: SummaryContext): SummaryData =>
      summaryData(source(context.durationMs), {
        noColor: context.noColor,
        isStdOutTTY: context.isTerminal,
        isStdErrTTY: context.isTerminal,
        setupData: context.setupData === undefined ? undefined : (JSON.parse(context.setupData) as unknown),
      });
    const ledger: Ledger = {
      metrics: registry,
      wantsRaw: opened.some(({ wantsRaw }) => wantsRaw),
      runId: record.id,
      samples: recorder,
      take: (frame) => take(frame as SampleFrame),
      judge: (elapsedMs, isEnd) => {
        verdict = thresholds.evaluate(elapsedMs, isEnd);
        return {
          thresholds: verdict.results.map(({ metric, source: text, value, ok, undecided }) => ({
            metric,
            source: text,
            verdict: undecided ? "undecided" : ok ? "passed" : "failed",
            observed: value,
          })),
          isAbort: verdict.abort,
        };
      },
      counter: (counter) => {
        const metric = totals.registry.find(counter);
        return metric === undefined ? 0 : (totals.whole(metric)?.sum ?? 0);
      },
      quantile: (trend, q) => {
        const metric = totals.registry.find(trend);
        const sink = metric === undefined ? undefined : totals.whole(metric);
        return sink === undefined || sink.isEmpty ? undefined : sink.quantile(q);
      },
      flush: () => take(recorder.drain(nowUnixMs())),
      summaryData: dataOf,
      exportSummary: (context) => exportedSummary(dataOf(context)),
      printSummary: (context) =>
        summaryText(summaryReport(source(context.durationMs), context.mode), {
          colors: context.isTerminal && !context.noColor,
          summaryTimeUnit: options.summaryTimeUnit,
          summaryTrendStats: options.summaryTrendStats,
        }),
      close: async ({ durationMs, notes, ...end }) => {
        const figures = runFigures(source(durationMs), timeline);
        const ended: RunRecord = { ...record, ...end, ...figures, notes: [...notes, ...figures.notes] };
        const report = summaryReport(source(durationMs), "compact");
        await Promise.all(opened.map((output) => output.close({ record: ended, report })));
        for (const { description, counts } of opened)
          if (counts.dropped > 0)
            remark(`output ${description} lost ${counts.dropped} deliveries: ${counts.lastError ?? "no reason given"}`);
        return ended;
      },
    };
    return ledger;
  };
}

function openAll(specifications: readonly string[], context: OutputContext): readonly Output[] {
  try {
    return specifications.map((specification) => openOutput(specification, context));
  } catch (error) {
    if (error instanceof OutputSettingError) throw new LoadFailure(LOAD_EXIT.invalidConfig, error.message);
    throw error;
  }
}
