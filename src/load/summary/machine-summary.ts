import type { ReportMetric, SummaryReport } from "./summary-report.ts";

export interface MachineSummaryAbout {
  readonly script: string;
  readonly durationMs: number;
  readonly generatedUnixMs: number;
  /** Of the program that ran the script. */
  readonly version: string;
}

/** The summary for programs (`--new-machine-readable-summary`): k6's schema, version 1.0.0. */
export function machineSummary(report: SummaryReport, about: MachineSummaryAbout): object {
  const { checks, sections } = report.total;
  return {
    config: { duration: about.durationMs / 1000, execution: "local", script: about.script },
    metadata: { generatedAt: new Date(about.generatedUnixMs).toISOString(), k6Version: about.version },
    results: {
      ...(checks === undefined
        ? {}
        : {
            checks: {
              metrics: [checks.metrics[0]!, checks.metrics[2]!, checks.metrics[1]!].map(machineMetric),
              results: checks.results.map(({ name, passes, fails }) => ({ fails, name, passes })),
            },
          }),
      metrics: sections.flatMap(({ metrics }) => metrics.map(machineMetric)),
    },
    version: "1.0.0",
  };
}

/** Other statistics have no place in the schema. */
const TREND_NAMES = ["avg", "max", "med", "min", "p(90)", "p(95)"];

function machineMetric({ name, type, contains, values }: ReportMetric): object {
  return { contains, name, type, values: machineValues(type, values) };
}

function machineValues(type: ReportMetric["type"], values: ReportMetric["values"]): object {
  switch (type) {
    case "counter":
      return { count: values["count"] };
    case "gauge":
      return { max: values["max"], min: values["min"], value: values["value"] };
    case "rate": {
      const { passes = 0, fails = 0, rate } = values;
      return { matches: passes, rate, total: passes + fails };
    }
    case "trend":
      return Object.fromEntries(Object.entries(values).filter(([name]) => TREND_NAMES.includes(name)));
  }
}
