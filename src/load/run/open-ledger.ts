import type { SampleFrame } from "../metric/frame.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder } from "../metric/recorder.ts";
import { type MergedFrame, Totals } from "../metric/totals.ts";
import { InvalidOptions } from "../option/reader.ts";
import type { Options } from "../options.ts";
import { exportedSummary, type SummaryData, summaryData } from "../summary/summary-data.ts";
import { summaryReport } from "../summary/summary-report.ts";
import type { SummarySource } from "../summary/summary-source.ts";
import { summaryText } from "../summary/summary-text.ts";
import { bindThresholds, type ThresholdVerdict } from "../threshold/threshold-set.ts";
import type { Ledger, OpenLedger, SummaryContext } from "./ledger.ts";

/** Told of every frame, with the run's own numbers of metrics and tags. */
export interface FrameListener {
  readonly name: string;
  /** May take its time; frames are handed over one after the other. */
  take(frame: MergedFrame, totals: Totals): Promise<void> | void;
  close(): Promise<void>;
}

/** The coordinator's own frames. */
const OWN_GENERATOR = 0;

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

/**
 * @param listeners outputs of this run; one that fails is reported once and left out from then on
 */
export function ledgerWith(
  openListeners: (options: Options, totals: Totals) => Promise<readonly FrameListener[]>,
): OpenLedger {
  return async (options, metrics, remark) => {
    const totals = new Totals();
    for (const { name, type, contains } of metrics) totals.registry.define(name, type, contains);
    const { thresholds, invalid } = bindThresholds(totals, options.thresholds);
    if (invalid.length > 0)
      throw new InvalidOptions(
        invalid.map(({ metric, message }) => ({ path: `options.thresholds[${JSON.stringify(metric)}]`, message })),
      );
    const registry = new MetricRegistry();
    const recorder = new Recorder(registry, { generator: OWN_GENERATOR, raw: false }, nowUnixMs());
    const listeners = new Set(await openListeners(options, totals));
    let writing = Promise.resolve();
    let verdict: ThresholdVerdict = { results: [], breached: [], abort: false };

    const give = async (frame: MergedFrame): Promise<void> => {
      for (const listener of listeners)
        try {
          await listener.take(frame, totals);
        } catch (error) {
          listeners.delete(listener);
          remark(
            `output ${listener.name} failed and gets nothing more: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
    };
    const take = (frame: SampleFrame): void => {
      const merged = totals.merge(frame);
      if (listeners.size > 0) writing = writing.then(() => give(merged));
    };
    const source = ({ durationMs }: SummaryContext): SummarySource => ({
      totals,
      thresholds,
      verdict,
      options,
      durationMs,
    });
    const dataOf = (context: SummaryContext): SummaryData =>
      summaryData(source(context), {
        noColor: context.noColor,
        isStdOutTTY: context.isTerminal,
        isStdErrTTY: context.isTerminal,
        setupData: context.setupData === undefined ? undefined : (JSON.parse(context.setupData) as unknown),
      });
    const ledger: Ledger = {
      metrics: registry,
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
      counter: (name) => {
        const metric = totals.registry.find(name);
        return metric === undefined ? 0 : (totals.whole(metric)?.sum ?? 0);
      },
      quantile: (name, q) => {
        const metric = totals.registry.find(name);
        const sink = metric === undefined ? undefined : totals.whole(metric);
        return sink === undefined || sink.isEmpty ? undefined : sink.quantile(q);
      },
      flush: () => take(recorder.drain(nowUnixMs())),
      summaryData: dataOf,
      exportSummary: (context) => exportedSummary(dataOf(context)),
      printSummary: (context) =>
        summaryText(summaryReport(source(context), context.mode), {
          colors: context.isTerminal && !context.noColor,
          summaryTimeUnit: options.summaryTimeUnit,
          summaryTrendStats: options.summaryTrendStats,
        }),
      close: async () => {
        await writing;
        for (const listener of listeners)
          try {
            await listener.close();
          } catch (error) {
            remark(
              `output ${listener.name} could not be ended: ${error instanceof Error ? error.message : String(error)}`,
            );
          }
      },
    };
    return ledger;
  };
}
