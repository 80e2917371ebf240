import type { MetricContents, MetricType } from "../samples.ts";
import type { ThresholdResult } from "../threshold/threshold-set.ts";
import { humanizeValue, type TimeUnit } from "./humanize.ts";
import type { ReportChecks, ReportMetric, ReportPart, SummaryReport } from "./summary-report.ts";

export interface SummaryTextOptions {
  /** Only where a terminal shows it. */
  readonly colors: boolean;
  readonly summaryTimeUnit: TimeUnit;
  readonly summaryTrendStats: readonly string[];
}

/**
 * The end-of-test summary in the form of k6 2: titles, names filled up with dots to the longest and three more, columns
 * aligned within a section.
 */
export function summaryText(report: SummaryReport, options: SummaryTextOptions): string {
  const page = new Page(options);
  if (report.thresholds.length > 0)
    page.section("THRESHOLDS", () => {
      page.thresholds(report.thresholds);
    });
  page.section("TOTAL RESULTS", () => {
    page.part(report.total, 0);
  });
  for (const group of report.groups)
    page.section(`GROUP: ${group.name}`, () => {
      page.part(group, 0);
    });
  for (const scenario of report.scenarios)
    page.section(`SCENARIO: ${scenario.name}`, () => {
      page.part(scenario, 0);
    });
  if (report.notes.length > 0)
    page.section("NOTES", () => {
      for (const note of report.notes) page.line(1, note);
      page.blank();
    });
  return page.text;
}

const COLORS = { green: "32", red: "31", cyan: "36", white: "37", yellow: "33" } as const;
const FAINT = "2;";

class Page {
  text = "";
  readonly #options: SummaryTextOptions;

  constructor(options: SummaryTextOptions) {
    this.#options = options;
  }

  /** Two spaces to a level, starting with one level. */
  line(level: number, text: string): void {
    this.text += `\n${"  ".repeat(level + 1)}${text}`;
  }

  blank(): void {
    this.text += "\n";
  }

  section(title: string, content: () => void): void {
    this.line(0, `█ ${this.#bold(title)} \n`);
    content();
    this.blank();
  }

  thresholds(metrics: SummaryReport["thresholds"]): void {
    const sorted = metrics.toSorted((a, b) => byMetricName(a.name, b.name));
    const names = new Set(sorted.map(({ name }) => name));
    for (const { name, type, contains, results } of sorted) {
      const parent = name.split("{", 1)[0]!;
      const nested = parent !== name && names.has(parent);
      this.line(nested ? 2 : 1, nested ? name.slice(parent.length) : name);
      for (const result of results) this.line(nested ? 2 : 1, this.#threshold(result, type, contains));
      this.blank();
    }
  }

  part({ checks, sections, groups }: ReportPart, level: number): void {
    if (checks !== undefined) {
      this.#checks(checks, level);
      this.blank();
    }
    const columns = new Columns(
      sections.flatMap(({ metrics }) => metrics),
      this.#options,
    );
    for (const { title, metrics } of sections) {
      this.line(level + 1, this.#bold(title));
      for (const metric of metrics.toSorted((a, b) => byMetricName(a.name, b.name)))
        this.line(level + 1, this.#metric(metric, columns));
      this.blank();
    }
    for (const group of groups) {
      this.line(level + 1, `↳ ${this.#bold(`GROUP: ${group.name}`)} \n`);
      this.part(group, level + 1);
    }
  }

  #checks({ metrics, results }: ReportChecks, level: number): void {
    const columns = new Columns(metrics, this.#options);
    for (const metric of metrics) this.line(level + 1, this.#metric(metric, columns));
    this.blank();
    for (const { name, passes, fails } of results)
      if (fails === 0) this.line(level + 1, this.#color(`✓ ${name}`, "green"));
      else {
        this.line(level + 1, this.#color(`✗ ${name}`, "red"));
        // Twice as far in as nesting asks for: k6's own, and there are programs that read it.
        const percent = Math.floor((100 * passes) / (passes + fails));
        this.line(2 * level + 2, this.#color(`↳  ${percent}% — ✓ ${passes} / ✗ ${fails}`, "red"));
      }
  }

  #threshold(result: ThresholdResult, type: MetricType, contains: MetricContents): string {
    const unit = this.#options.summaryTimeUnit;
    const value = humanizeValue(result.value ?? 0, type, contains, unit);
    const shown = type === "counter" && result.method === "rate" ? `${value}/s` : value;
    return [
      result.ok ? this.#color("✓", "green") : this.#color("✗", "red"),
      this.#color(`'${result.source.trim()}'`, "white"),
      `${this.#color(result.method, "white")}=${this.#color(shown, "cyan")}`,
      ...(result.undecided ? [this.#color("(undecided)", "yellow")] : []),
    ].join(" ");
  }

  #metric(metric: ReportMetric, columns: Columns): string {
    const name = displayName(metric.name);
    const dots = ".".repeat(Math.max(3, columns.nameWidth - width(name) + 3));
    const data = metric.type === "trend" ? this.#trend(metric, columns) : this.#plain(metric, columns);
    return `${name}${this.#color(`${dots}:`, "white", true)} ${data}`;
  }

  #trend(metric: ReportMetric, columns: Columns): string {
    return columns
      .trend(metric)
      .map((text, index) => {
        const padding = " ".repeat(columns.trendWidths[index]! - width(text));
        return `${this.#options.summaryTrendStats[index]}=${this.#color(text, "cyan")}${padding}`;
      })
      .join(" ");
  }

  #plain(metric: ReportMetric, columns: Columns): string {
    const [main, ...extras] = columns.plain(metric);
    const first = this.#color(main!, "cyan") + " ".repeat(columns.mainWidth - width(main!));
    const more = extras.map((text, index) => {
      const padding = extras.length > 1 ? " ".repeat(columns.extraWidths[index]! - width(text)) : "";
      return this.#color(text, "cyan", true) + padding;
    });
    return [first, ...more].join(" ");
  }

  #color(text: string, color: keyof typeof COLORS, faint = false): string {
    return this.#options.colors ? `\x1b[${faint ? FAINT : ""}${COLORS[color]}m${text}\x1b[0m` : text;
  }

  #bold(text: string): string {
    return this.#options.colors ? `\x1b[1m${text}\x1b[0m` : text;
  }
}

/** How wide each column of some metrics must be. */
class Columns {
  readonly nameWidth: number;
  readonly mainWidth: number;
  readonly extraWidths: number[] = [];
  readonly trendWidths: number[];
  readonly #options: SummaryTextOptions;

  constructor(metrics: readonly ReportMetric[], options: SummaryTextOptions) {
    this.#options = options;
    this.nameWidth = Math.max(0, ...metrics.map(({ name }) => width(displayName(name))));
    const plain = metrics.filter(({ type }) => type !== "trend").map((metric) => this.plain(metric));
    this.mainWidth = Math.max(0, ...plain.map(([main]) => width(main!)));
    for (const [, ...extras] of plain)
      for (const [index, text] of extras.entries())
        this.extraWidths[index] = Math.max(this.extraWidths[index] ?? 0, width(text));
    const trends = metrics.filter(({ type }) => type === "trend").map((metric) => this.trend(metric));
    this.trendWidths = options.summaryTrendStats.map((_, index) =>
      Math.max(0, ...trends.map((texts) => width(texts[index]!))),
    );
  }

  trend({ type, contains, values }: ReportMetric): readonly string[] {
    return this.#options.summaryTrendStats.map((name) =>
      name === "count"
        ? `${values[name] ?? 0}`
        : humanizeValue(values[name] ?? 0, type, contains, this.#options.summaryTimeUnit),
    );
  }

  plain({ type, contains, values }: ReportMetric): readonly string[] {
    const show = (value: number | undefined): string =>
      humanizeValue(value ?? 0, type, contains, this.#options.summaryTimeUnit);
    if (type === "counter") return [show(values["count"]), `${show(values["rate"])}/s`];
    if (type === "gauge") return [show(values["value"]), `min=${show(values["min"])}`, `max=${show(values["max"])}`];
    const { passes = 0, fails = 0 } = values;
    return [show(values["rate"]), `${passes} out of ${passes + fails}`];
  }
}

/** A submetric stands below its metric: `  { tag:value }`. */
function displayName(name: string): string {
  const open = name.indexOf("{");
  return open < 0 ? name : `  { ${name.slice(open + 1, -1)} }`;
}

function byMetricName(a: string, b: string): number {
  const [parentA, parentB] = [a.split("{", 1)[0]!, b.split("{", 1)[0]!];
  return parentA.localeCompare(parentB, "en") || a.localeCompare(b, "en");
}

function width(text: string): number {
  return [...text.normalize("NFKC")].length;
}
