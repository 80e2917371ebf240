import { insertSql } from "#engine/schema/ddl.ts";
import { migrate } from "#engine/schema/migrate.ts";
import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "#engine/schema/promoted.ts";
import { STAGED, type StagedKind } from "#engine/schema/staged.ts";
import { TABLES } from "#engine/schema/tables.ts";
import { openTestEngine, type TestEngine } from "#engine/test-engine.ts";
import { nativeRows } from "./native-rows.suite.ts";
import { Question } from "./question.ts";

/** Times within a store are told in milliseconds after this moment: 2026-01-02T03:00:00Z. */
export const EPOCH_MS = Date.UTC(2026, 0, 2, 3);
export const nano = (ms: number): bigint => BigInt(Math.round((EPOCH_MS + ms) * 1000)) * 1000n;

export interface TestSpan {
  /** Start, ms after EPOCH_MS. */
  readonly at: number;
  readonly ms?: number;
  readonly trace: string;
  readonly span: string;
  readonly parent?: string;
  readonly service?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly status?: string;
  readonly statusMessage?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly resource?: Readonly<Record<string, string>>;
  readonly events?: readonly {
    readonly at: number;
    readonly name: string;
    readonly attributes?: Readonly<Record<string, string>>;
  }[];
  readonly links?: readonly { readonly trace: string; readonly span: string }[];
  readonly tenant?: string;
}

export interface TestLog {
  readonly at: number;
  /** Nanoseconds on top of `at`. */
  readonly ns?: number;
  readonly body: string;
  readonly template?: string;
  readonly severity?: number;
  readonly service?: string;
  readonly trace?: string;
  readonly span?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly resource?: Readonly<Record<string, string>>;
  readonly tenant?: string;
}

export interface TestSeries {
  readonly metric: string;
  readonly type?: string;
  readonly temporality?: string;
  readonly monotonic?: boolean;
  readonly unit?: string;
  readonly description?: string;
  readonly service?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly resource?: Readonly<Record<string, string>>;
  readonly tenant?: string;
  readonly points?: readonly {
    readonly at: number;
    readonly value: number;
    readonly start?: number;
    readonly flags?: number;
  }[];
  readonly histograms?: readonly (Readonly<Record<string, unknown>> & { readonly at: number })[];
  readonly exemplars?: readonly {
    readonly at: number;
    readonly value: number;
    readonly trace: string;
    readonly span: string;
  }[];
}

/** A real engine with the real tables; rows go in as a load does, recipes included. */
export class TestStore implements AsyncDisposable {
  readonly engine: TestEngine;
  #load = 0;

  constructor(engine: TestEngine) {
    this.engine = engine;
  }

  question(tenant = "default", nowMs = 0, signal?: AbortSignal): Question {
    return new Question(this.engine, { tenant, nowUnixNano: nano(nowMs) }, signal);
  }

  async addSpans(spans: readonly TestSpan[]): Promise<void> {
    await this.#add(
      "spans",
      spans.map((span) => ({
        tenant: span.tenant ?? "default",
        service_name: span.service ?? "shop",
        start_time: time(span.at),
        duration_nano: String(Math.round((span.ms ?? 10) * 1e6)),
        trace_id: span.trace,
        span_id: span.span,
        parent_span_id: span.parent ?? "",
        name: span.name ?? "work",
        kind: span.kind ?? "internal",
        status_code: span.status ?? "unset",
        status_message: span.statusMessage ?? "",
        attributes: span.attributes ?? {},
        resource_attributes: span.resource ?? {},
        scope_attributes: {},
        "events.time": (span.events ?? []).map((event) => time(event.at)),
        "events.name": (span.events ?? []).map((event) => event.name),
        "events.attributes": (span.events ?? []).map((event) => event.attributes ?? {}),
        "events.dropped_attributes_count": (span.events ?? []).map(() => 0),
        "links.trace_id": (span.links ?? []).map((link) => link.trace),
        "links.span_id": (span.links ?? []).map((link) => link.span),
        "links.trace_state": (span.links ?? []).map(() => ""),
        "links.flags": (span.links ?? []).map(() => 0),
        "links.attributes": (span.links ?? []).map(() => ({})),
        "links.dropped_attributes_count": (span.links ?? []).map(() => 0),
      })),
    );
  }

  async addLogs(logs: readonly TestLog[]): Promise<void> {
    await this.#add(
      "logs",
      logs.map((log) => ({
        tenant: log.tenant ?? "default",
        service_name: log.service ?? "shop",
        time: time(log.at, log.ns),
        observed_time: time(log.at, log.ns),
        trace_id: log.trace ?? "",
        span_id: log.span ?? "",
        severity_number: log.severity ?? 9,
        severity_text: "",
        body: log.body,
        template: log.template ?? log.body.replaceAll(/\d+/g, "<*>"),
        attributes: log.attributes ?? {},
        resource_attributes: log.resource ?? {},
        scope_attributes: {},
      })),
    );
  }

  async addSeries(list: readonly TestSeries[]): Promise<void> {
    const rows: Record<"series" | "points" | "histograms" | "exemplars", Record<string, unknown>[]> = {
      series: [],
      points: [],
      histograms: [],
      exemplars: [],
    };
    for (const one of list) {
      const tenant = one.tenant ?? "default";
      const id = seriesId([tenant, one.metric, one.service, one.attributes, one.resource]);
      const common = { tenant, metric_name: one.metric, series_id: id };
      const times = [...(one.points ?? []), ...(one.histograms ?? [])].map((point) => point.at);
      rows.series.push({
        ...common,
        metric_type: one.type ?? "gauge",
        temporality: one.temporality ?? "unspecified",
        is_monotonic: one.monotonic ?? false,
        unit: one.unit ?? "",
        description: one.description ?? "",
        service_name: one.service ?? "shop",
        attributes: one.attributes ?? {},
        resource_attributes: one.resource ?? {},
        scope_attributes: {},
        first_time: time(Math.min(...times)),
        last_time: time(Math.max(...times)),
      });
      for (const point of one.points ?? [])
        rows.points.push({
          ...common,
          time: time(point.at),
          start_time: time(point.start ?? 0),
          flags: point.flags ?? 0,
          value: point.value,
        });
      for (const { at, ...rest } of one.histograms ?? [])
        rows.histograms.push({ ...common, time: time(at), start_time: time(0), flags: 0, ...rest });
      for (const exemplar of one.exemplars ?? [])
        rows.exemplars.push({
          ...common,
          time: time(exemplar.at),
          value: exemplar.value,
          trace_id: exemplar.trace,
          span_id: exemplar.span,
          attributes: {},
        });
    }
    for (const kind of ["series", "points", "histograms", "exemplars"] as const)
      if (rows[kind].length > 0) await this.#add(kind, rows[kind]);
  }

  async #add(kind: StagedKind, rows: readonly Record<string, unknown>[]): Promise<void> {
    if (rows.length === 0) return;
    const load = ++this.#load;
    const { columns, bytes } = nativeRows(
      STAGED[kind],
      kind === "spans" || kind === "logs" ? rows.map(promoted) : rows,
    );
    await using block = await this.engine.stage(columns, [bytes]);
    for (const table of TABLES)
      if (table.filledFrom === kind) await this.engine.insert(insertSql(table, "1"), block, { load });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }
}

/** With the columns that the block builder takes out of the maps (engine/native-promoted.ts). */
function promoted(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const attributes = (row["attributes"] ?? {}) as Readonly<Record<string, string>>;
  return {
    ...row,
    resource: JSON.stringify(row["resource_attributes"] ?? {}),
    ...Object.fromEntries(
      PROMOTED_SPAN_ATTRIBUTES.map((key) => [promotedColumn("attributes", key), attributes[key] ?? ""]),
    ),
  };
}

function time(ms: number, ns = 0): string {
  return String(nano(ms) + BigInt(ns));
}

/** Any number that tells series apart. */
function seriesId(parts: readonly unknown[]): string {
  let id = 1469598103934665603n;
  for (const character of JSON.stringify(parts))
    id = BigInt.asUintN(64, (id ^ BigInt(character.charCodeAt(0))) * 1099511628211n);
  return id.toString();
}

export async function openTestStore(): Promise<TestStore> {
  const engine = await openTestEngine();
  await migrate(engine);
  return new TestStore(engine);
}
