/**
 * The shapes of the native API, as the server answers and the web reads them. Times in answers are decimal strings of Unix
 * nanoseconds (`time`, exact) or numbers of Unix milliseconds (`…Ms`, chart axes). Durations are numbers of nanoseconds.
 * Every list takes `limit` and answers `next`, a cursor for the following page (null at the end).
 *
 * Common query parameters: `from`, `to` (RFC 3339, Unix milliseconds, `now`, or relative as `now-15m`; default the last
 * 15 minutes), `where` (repeated, see filter.ts), `limit`, `cursor`. Tenant: header `X-Scope-OrgID`.
 * Errors: `application/problem+json` as `Problem`.
 */
import type { Signal } from "../../model/batch.ts";

export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly remedy: string;
  readonly position?: number;
  readonly retryAfterSeconds?: number;
  /** Of a request that failed by a mistake of the server: the same stands in its log. */
  readonly requestId?: string;
}

/** How an answer came about; shown under every list and chart. */
export interface Statistics {
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
  /** True when a limit cut the answer short. */
  readonly partial: boolean;
}

/** GET /api/status */
export interface Status {
  readonly version: string;
  readonly ready: boolean;
  readonly startedMs: number;
  readonly nowMs: number;
  readonly tenant: string;
  readonly demo: boolean;
  readonly addresses: { readonly ui: string; readonly otlpHttp: string; readonly otlpGrpc: string };
  readonly engine: {
    readonly kind: "embedded" | "remote";
    readonly state: string;
    readonly version: string;
    readonly restarts: number;
    /** Of the embedded engine. */
    readonly processId: number | null;
    readonly residentBytes: number | null;
    readonly memoryLimitBytes: number | null;
    readonly lastFailure: string | null;
  };
  readonly ledger: Readonly<Record<Signal, Ledger>>;
  readonly disk: { readonly usedBytes: number; readonly budgetBytes: number | null; readonly freeBytes: number };
}

/** Records since the program started: received = stored + rejected + dropped + pending. */
export interface Ledger {
  readonly received: number;
  readonly stored: number;
  readonly rejected: number;
  readonly dropped: number;
  readonly pending: number;
  /** received - stored - rejected - dropped - pending; 0 unless something is lost. */
  readonly missing: number;
  /** Why, for what was rejected or dropped. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Records a second over the last minute. */
  readonly receivedPerSecond: number;
  readonly refusedRequests: number;
}

/** GET /api/admin/quarantine: loads that the engine refused again and again. */
export interface QuarantineList {
  readonly quarantined: readonly {
    readonly name: string;
    readonly signal: string;
    readonly reason: string;
    readonly recordCount: number;
    readonly atUnixMs: number;
  }[];
}

/** GET /api/load/runs: newest first. The run itself, GET /api/load/runs/{id}, has the shape of load/run-record.ts. */
export interface LoadRuns {
  readonly runs: readonly LoadRunHead[];
  readonly next: string | null;
}

export interface LoadRunHead {
  readonly id: string;
  readonly name: string;
  readonly startedMs: number;
  /** Null while it runs. */
  readonly endedMs: number | null;
  readonly status: "running" | "passed" | "failed" | "aborted" | "void";
  readonly reason: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly commit: string | null;
  readonly requests: number | null;
  readonly requestsPerSecond: number | null;
  /** Share of requests that failed, 0 to 1. */
  readonly failedShare: number | null;
  readonly p95Ms: number | null;
  readonly droppedIterations: number | null;
  readonly thresholds: { readonly passed: number; readonly failed: number };
}

/** GET /api/home */
export interface Home {
  readonly problems: readonly HomeProblem[];
  readonly arriving: readonly {
    readonly service: string;
    readonly spansPerSecond: number;
    readonly logsPerSecond: number;
    readonly pointsPerSecond: number;
    readonly lastSeenMs: number;
  }[];
  readonly statistics: Statistics;
}

/** Something that differs from before, ranked by `score` (0 to 1). */
export interface HomeProblem {
  readonly id: string;
  readonly kind: "errors" | "latency" | "log-errors" | "traffic" | "resource" | "loss" | "silent";
  readonly title: string;
  /** One sentence with numbers: what it was, what it is, since when. */
  readonly detail: string;
  readonly service: string;
  readonly operation: string | null;
  readonly sinceMs: number;
  readonly score: number;
  readonly now: number;
  readonly before: number;
  readonly unit: "ratio" | "ns" | "per-second" | "bytes" | "count";
  readonly sparkline: Sparkline;
  /** What tells the affected from the rest, best first: the same rows as Differences. */
  readonly differences: readonly Difference[];
  /** The one link to the cause: a view of the UI as path and search. */
  readonly link: string;
}

export interface Sparkline {
  readonly startMs: number;
  readonly stepMs: number;
  /** null where there is no data. */
  readonly values: readonly (number | null)[];
}

/** GET /api/services?from&to&where */
export interface Services {
  readonly services: readonly ServiceRow[];
  readonly statistics: Statistics;
}

export interface ServiceRow {
  readonly service: string;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  readonly p50Ns: number | null;
  readonly p95Ns: number | null;
  readonly p99Ns: number | null;
  /** The same figures for the same length of time a day (or the range, if no data then) before; null without data. */
  readonly before: {
    readonly ratePerSecond: number;
    readonly errorRatio: number;
    readonly p95Ns: number | null;
  } | null;
  readonly rate: Sparkline;
  readonly errors: Sparkline;
  readonly p95: Sparkline;
}

/** GET /api/services/{service}/operations */
export interface Operations {
  readonly operations: readonly {
    readonly name: string;
    readonly kind: string;
    readonly ratePerSecond: number;
    readonly errorRatio: number;
    readonly p50Ns: number | null;
    readonly p95Ns: number | null;
    readonly p99Ns: number | null;
    readonly rate: Sparkline;
  }[];
  readonly statistics: Statistics;
}

/**
 * GET /api/deploys?from&to&service: when a version of a service was first seen, as marks on charts. What ran a day before
 * `from` already is no deploy; an earlier version that comes back is none either.
 */
export interface Deploys {
  /** Oldest first. */
  readonly deploys: readonly {
    readonly service: string;
    readonly version: string;
    /** The version that was seen first before it; null where the service is as new as its version. */
    readonly previous: string | null;
    readonly timeMs: number;
  }[];
  readonly statistics: Statistics;
}

/** GET /api/service-graph */
export interface ServiceGraph {
  readonly nodes: readonly {
    readonly id: string;
    readonly kind: "service" | "database" | "queue" | "external";
    readonly ratePerSecond: number;
    readonly errorRatio: number;
  }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly ratePerSecond: number;
    readonly errorRatio: number;
    readonly p95Ns: number | null;
  }[];
  readonly statistics: Statistics;
}

/** GET /api/traces?where&minDuration&sort=start|duration|errors: traces that have a span matching every filter. */
export interface Traces {
  readonly traces: readonly TraceRow[];
  readonly next: string | null;
  readonly statistics: Statistics;
}

export interface TraceRow {
  readonly traceId: string;
  readonly time: string;
  readonly durationNs: number;
  readonly rootService: string | null;
  readonly rootName: string | null;
  readonly rootStatus: "unset" | "ok" | "error" | null;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
  /** The best matching span when filters named one. */
  readonly matched: {
    readonly spanId: string;
    readonly service: string;
    readonly name: string;
    readonly durationNs: number;
    readonly count: number;
  } | null;
}

/** GET /api/spans?where&sort: single spans. */
export interface Spans {
  readonly spans: readonly SpanRow[];
  readonly next: string | null;
  readonly statistics: Statistics;
}

export interface SpanRow {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly time: string;
  readonly durationNs: number;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** GET /api/spans/heatmap?where&columns&rows: time × log duration. Cell (x, y) is counts[x * rows + y]. */
export interface Heatmap {
  readonly startMs: number;
  readonly stepMs: number;
  readonly columns: number;
  readonly rows: number;
  /** Lower bound in ns of each row, ascending, and the upper bound of the last: rows + 1 values. */
  readonly boundsNs: readonly number[];
  readonly counts: readonly number[];
  readonly errors: readonly number[];
  readonly statistics: Statistics;
}

/** GET /api/spans/differences?where&selection…: what tells the selected from the rest; of very many rows by a sample. */
export interface Differences {
  readonly insideCount: number;
  readonly outsideCount: number;
  /** Set when there are too few rows to say anything, or what is told was counted on a sample. */
  readonly note: string | null;
  readonly differences: readonly Difference[];
  readonly statistics: Statistics;
}

export interface Difference {
  /** A filter field: `attributes.http.route`, `resource.service.version`, `name`, `status`. */
  readonly field: string;
  readonly value: string;
  readonly insideCount: number;
  readonly outsideCount: number;
  readonly insideShare: number;
  readonly outsideShare: number;
  /** insideShare - outsideShare and its 95% interval. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Share of all rows that have the field at all. */
  readonly coverage: number;
}

/** GET /api/traces/{id}: structure as columns; attributes come per opened span. Index i of every array is one span, in tree order. */
export interface Trace {
  readonly traceId: string;
  /** Unix ns of the earliest span; `offsetNs` counts from it. */
  readonly time: string;
  readonly durationNs: number;
  readonly services: readonly string[];
  readonly names: readonly string[];
  readonly spanId: readonly string[];
  /** Index of the parent, -1 for a root, -2 where the parent is missing. */
  readonly parent: readonly number[];
  readonly depth: readonly number[];
  readonly service: readonly number[];
  readonly name: readonly number[];
  readonly kind: readonly number[];
  readonly status: readonly number[];
  readonly offsetNs: readonly number[];
  readonly durationsNs: readonly number[];
  readonly selfNs: readonly number[];
  /** Ticks on the span: offsets in ns from the trace's start. */
  readonly events: readonly (readonly number[])[];
  /** Logs written within the span. */
  readonly logCount: readonly number[];
  /** [span index, startNs, endNs] along the critical path by timing, or why it cannot be computed. */
  readonly criticalPath: {
    readonly segments: readonly (readonly [number, number, number])[];
    readonly note: string | null;
  };
  readonly truncated: boolean;
  readonly statistics: Statistics;
}

/** GET /api/traces/{id}/spans/{spanId} */
export interface SpanDetail extends SpanRow {
  readonly traceState: string;
  readonly flags: number;
  readonly scope: {
    readonly name: string;
    readonly version: string;
    readonly attributes: Readonly<Record<string, string>>;
  };
  readonly resource: Readonly<Record<string, string>>;
  readonly events: readonly {
    readonly time: string;
    readonly name: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly dropped: { readonly attributes: number; readonly events: number; readonly links: number };
}

/** GET /api/traces/{id}/normal: this trace beside the median of traces with the same root, aligned by path of service and name. */
export interface NormalComparison {
  readonly comparedTraces: number;
  readonly note: string | null;
  readonly paths: readonly {
    readonly path: readonly string[];
    readonly service: string;
    readonly name: string;
    readonly state: "added" | "missing" | "slower" | "faster" | "same";
    readonly count: number;
    readonly usualCount: number;
    readonly selfNs: number;
    readonly usualSelfNs: number;
    readonly spanIds: readonly string[];
  }[];
  readonly statistics: Statistics;
}

/** GET /api/logs?where&text&order=newest|oldest */
export interface Logs {
  readonly logs: readonly LogRow[];
  readonly next: string | null;
  readonly statistics: Statistics;
}

export interface LogRow {
  /** Names this line for context and links. */
  readonly id: string;
  readonly time: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly service: string;
  readonly body: string;
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly template: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

/** GET /api/logs/histogram and /api/spans/histogram?where&groupBy=<field>&buckets */
export interface Histogram {
  readonly startMs: number;
  readonly stepMs: number;
  readonly groups: readonly { readonly name: string; readonly counts: readonly number[] }[];
  readonly statistics: Statistics;
}

/** GET /api/logs/facets and /api/spans/facets?where&field (one field a request, so that a slow one holds up nobody) */
export interface Facet {
  readonly field: string;
  readonly values: readonly { readonly value: string; readonly count: number }[];
  readonly otherCount: number;
  /** Share of the rows that have the field. */
  readonly coverage: number;
  readonly total: number;
  readonly statistics: Statistics;
}

/** GET /api/logs/fields and /api/spans/fields: what can be filtered by, most used first. */
export interface Fields {
  readonly fields: readonly { readonly field: string; readonly count: number }[];
  readonly statistics: Statistics;
}

/** GET /api/logs/patterns */
export interface Patterns {
  readonly patterns: readonly {
    readonly template: string;
    readonly service: string;
    readonly severityNumber: number;
    readonly count: number;
    readonly share: number;
    readonly trend: Sparkline;
  }[];
  readonly statistics: Statistics;
}

/** GET /api/logs/context?id&scope=service|instance|trace|all&before&after: the lines around one line. */
export interface LogContext {
  readonly before: readonly LogRow[];
  readonly line: LogRow;
  readonly after: readonly LogRow[];
}

/** GET /api/logs/tail?where&text: server-sent events `rows` (LogRow[]), `dropped` (count, when the client is too slow) and `heartbeat`. */

/** GET /api/metrics?search&service */
export interface Metrics {
  readonly metrics: readonly {
    readonly name: string;
    readonly type: string;
    readonly unit: string;
    readonly description: string;
    readonly seriesCount: number;
    readonly services: readonly string[];
  }[];
  readonly next: string | null;
  readonly statistics: Statistics;
}

/** GET /api/metrics/{name}/labels → names with their number of values; GET /api/metrics/{name}/labels/{label} → values. */
export interface Labels {
  readonly labels: readonly { readonly name: string; readonly values: number }[];
  readonly statistics: Statistics;
}
export interface LabelValues {
  readonly values: readonly { readonly value: string; readonly count: number }[];
  readonly next: string | null;
  readonly statistics: Statistics;
}

/**
 * GET /api/metrics/{name}/series?where&groupBy&aggregate=avg|sum|min|max|rate|increase|p50|p95|p99&step
 * `rate` and `increase` know temporality and counter resets; quantiles read histograms.
 */
export interface SeriesAnswer {
  readonly metric: string;
  readonly type: string;
  readonly unit: string;
  readonly aggregate: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly series: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly values: readonly (number | null)[];
  }[];
  readonly exemplars: readonly {
    readonly timeMs: number;
    readonly value: number;
    readonly traceId: string;
    readonly spanId: string;
  }[];
  /** Series left out by the limit. */
  readonly omitted: number;
  readonly statistics: Statistics;
}

/** GET /api/sql/schema: tables and columns for completion. */
export interface SqlSchema {
  readonly tables: readonly {
    readonly name: string;
    readonly comment: string;
    readonly columns: readonly { readonly name: string; readonly type: string }[];
  }[];
  readonly functions: readonly string[];
}

/** Saved state: GET /api/documents/{kind}, GET|PUT|DELETE /api/documents/{kind}/{id} with If-Match on the version. Kinds: view, trail, query. */
export interface SavedDocument {
  readonly id: string;
  readonly kind: "view" | "trail" | "query";
  readonly version: number;
  readonly name: string;
  readonly owner: string;
  readonly updatedMs: number;
  readonly content: unknown;
}

/** GET /api/service-colours: slot 0 to 7 by order of first sight. */
export interface ServiceColours {
  readonly slots: Readonly<Record<string, number>>;
}

/** Demo only. GET /api/demo → state; POST /api/demo/break; POST /api/demo/reveal (says what was done and undoes it). */
export interface DemoState {
  readonly running: boolean;
  readonly broken: boolean;
  readonly brokenSinceMs: number | null;
}
export interface DemoReveal {
  readonly trouble: string;
  readonly title: string;
  readonly explanation: string;
  readonly affected: string;
}
