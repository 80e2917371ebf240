import {
  type AttributeColumns,
  AttributeType,
  type Batch,
  type LogBatch,
  type MetricBatch,
  type Signal,
  type SpanBatch,
} from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { SeriesSeen } from "#pipeline/series-seen.ts";
import { type OutsideCounts, type PlacedRows, placeLogs, placeSpans, type TimeWindow } from "#pipeline/time-window.ts";
import { BuildMemory } from "./native-columns.ts";
import { DateSet } from "./native-dates.ts";
import { LoadTemplates, LogColumns, type LogRange } from "./native-logs.ts";
import { arrangeMetrics } from "./native-metrics.ts";
import type { OriginRange } from "./native-origin.ts";
import { ExemplarColumns, HistogramColumns, PointColumns } from "./native-points.ts";
import { SeriesRowColumns } from "./native-series.ts";
import { SpanColumns, type SpanRange } from "./native-spans.ts";
import { NativeWriter } from "./native-writer.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";

/**
 * Decoded batches → Native blocks with exactly the columns of schema/staged.ts. The bytes of a batch are copied once, from
 * its body to where they stand in the block; no row and no string comes between (see native-writer.ts and
 * native-columns.ts for the layout).
 *
 * The same batches in the same order make the same rows, whenever and wherever they are built: what depends on time or
 * settings comes with the batch. (Only which `series` rows are staged depends on what this process staged before.)
 */
export interface PreparedBatch<B extends Batch = Batch> {
  readonly batch: B;
  readonly tenant: string;
  readonly window: TimeWindow;
  readonly receivedUnixNano: bigint;
}

/** One Native stream. */
export interface BuiltBlock {
  readonly kind: StagedKind;
  readonly rows: number;
  /** Consecutive pieces of the stream; it holds one or more Native blocks of at most BLOCK_ROWS rows. */
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** The distinct UTC dates (YYYY-MM-DD) of its rows, ascending: the partitions they go to. */
  readonly dates: readonly string[];
}

export interface BuiltLoad {
  /** Only blocks that have rows. */
  readonly blocks: readonly BuiltBlock[];
  /** Records left out, or moved to the border, because of their time; which of the two, each batch's window said. */
  readonly rejected: OutsideCounts;
  readonly clamped: OutsideCounts;
}

export interface BuildContext {
  /** One per thread; give a block's parts back to `memory.pool` when they are written. */
  readonly memory: BuildMemory;
  /** Call its `forget` when a load failed or its outcome is not known. */
  readonly seriesSeen: SeriesSeen;
}

export const BLOCK_ROWS = 65_536;

export function createBuildContext(): BuildContext {
  return { memory: new BuildMemory(), seriesSeen: new SeriesSeen() };
}

/** `batches` are all of `signal`; anything else is a programmer's error. */
export function buildBlocks(signal: Signal, batches: readonly PreparedBatch[], context: BuildContext): BuiltLoad {
  for (const { batch } of batches)
    if (batch.signal !== signal) throw new TypeError(`a batch of ${batch.signal} in a load of ${signal}`);
  const counts = { rejected: noneOutside(), clamped: noneOutside() };
  switch (signal) {
    case "traces":
      return { ...counts, blocks: buildSpans(batches as readonly PreparedBatch<SpanBatch>[], context, counts) };
    case "logs":
      return { ...counts, blocks: buildLogs(batches as readonly PreparedBatch<LogBatch>[], context, counts) };
    case "metrics":
      return { ...counts, blocks: buildMetrics(batches as readonly PreparedBatch<MetricBatch>[], context, counts) };
  }
}

const encoder = new TextEncoder();

/**
 * About how many bytes a batch will take as a block; rather too many than too few. A row repeats its scope's attributes (a
 * series its resource's too), so a small body with one huge scope over many rows grows out of all proportion: loaders cut
 * loads by it.
 */
export function estimateBlockBytes(batch: Batch): number {
  // The body has each key with each attribute, which makes up for promoted values that stand in the block twice.
  if (batch.signal !== "metrics")
    return (
      batch.body.length + batch.count * ROW_BYTES + repeatedBytes(batch.scopes, batch.count, (row) => batch.scope[row]!)
    );
  const { resource, scope } = batch.metrics;
  let repeated = 0;
  for (const { count, metric } of [batch.numbers, batch.histograms, batch.exponentials, batch.summaries])
    repeated +=
      repeatedBytes(batch.resources, count, (row) => resource[metric[row]!]!) +
      repeatedBytes(batch.scopes, count, (row) => scope[metric[row]!]!);
  return batch.body.length * 2 + batch.count * ROW_BYTES + repeated;
}

/** Numbers, offsets, ids in hex and lengths of a row. */
const ROW_BYTES = 320;

function repeatedBytes(
  owners: { readonly count: number; readonly attributes: AttributeColumns },
  count: number,
  ownerOf: (row: number) => number,
): number {
  const ownerBytes = Float64Array.from({ length: owners.count }, (_, owner) =>
    attributesBytes(owners.attributes, owner),
  );
  let bytes = 0;
  for (let row = 0; row < count; row++) bytes += ownerBytes[ownerOf(row)]!;
  return bytes;
}

function attributesBytes({ offset, type, high }: AttributeColumns, owner: number): number {
  let bytes = 8;
  for (let entry = offset[owner]!; entry < offset[owner + 1]!; entry++) {
    const kind = type[entry]!;
    bytes += kind === AttributeType.string || kind >= AttributeType.bytes ? high[entry]! + 7 : 26;
  }
  return bytes;
}

interface Counts {
  readonly rejected: OutsideCounts;
  readonly clamped: OutsideCounts;
}

function noneOutside(): OutsideCounts {
  return { tooOld: 0, tooNew: 0, missing: 0 };
}

function countsFor(window: TimeWindow, counts: Counts): OutsideCounts {
  return window.outside === "reject" ? counts.rejected : counts.clamped;
}

function buildSpans(
  batches: readonly PreparedBatch<SpanBatch>[],
  { memory }: BuildContext,
  counts: Counts,
): BuiltBlock[] {
  const ranges = batches.flatMap((prepared): SpanRange[] => {
    const { batch, window, receivedUnixNano } = prepared;
    const placed = placeSpans(batch, window, receivedUnixNano, countsFor(window, counts));
    return rangesOf(prepared, placed);
  });
  return buildStream("spans", ranges, memory, (block) => new SpanColumns(block, memory));
}

function buildLogs(
  batches: readonly PreparedBatch<LogBatch>[],
  { memory }: BuildContext,
  counts: Counts,
): BuiltBlock[] {
  const ranges = batches.flatMap((prepared): LogRange[] => {
    const { batch, window, receivedUnixNano } = prepared;
    const placed = placeLogs(batch, window, receivedUnixNano, countsFor(window, counts));
    return rangesOf(prepared, placed);
  });
  const templates = new LoadTemplates();
  return buildStream("logs", ranges, memory, (block) => new LogColumns(block, memory, templates));
}

function buildMetrics(
  batches: readonly PreparedBatch<MetricBatch>[],
  { memory, seriesSeen }: BuildContext,
  counts: Counts,
): BuiltBlock[] {
  const sources = batches.map(({ batch, tenant, window, receivedUnixNano }) => ({
    batch,
    body: new Bytes(batch.body),
    tenant: new Bytes(encoder.encode(tenant)),
    window,
    receivedUnixNano,
    counts: countsFor(window, counts),
  }));
  const { series, points, histograms, exemplars } = arrangeMetrics(sources, seriesSeen);
  return [
    ...buildStream("series", series, memory, (block) => new SeriesRowColumns(block, memory)),
    ...buildStream("points", points, memory, (block) => new PointColumns(block, memory)),
    ...buildStream("histograms", histograms, memory, (block) => new HistogramColumns(block, memory)),
    ...buildStream("exemplars", exemplars, memory, (block) => new ExemplarColumns(block, memory)),
  ];
}

interface TimedRange<B extends Batch> extends OriginRange<B> {
  readonly times: PlacedRows["times"];
  readonly receivedUnixNano: bigint;
}

function rangesOf<B extends SpanBatch | LogBatch>(prepared: PreparedBatch<B>, placed: PlacedRows): TimedRange<B>[] {
  const { batch, receivedUnixNano } = prepared;
  const body = new Bytes(batch.body);
  const tenant = new Bytes(encoder.encode(prepared.tenant));
  const ranges: TimedRange<B>[] = [];
  for (let i = 0; i < placed.runs.length; i += 2) {
    ranges.push({
      batch,
      body,
      tenant,
      resource: batch.resource,
      scope: batch.scope,
      receivedUnixNano,
      times: placed.times,
      from: placed.runs[i]!,
      to: placed.runs[i + 1]!,
    });
  }
  return ranges;
}

/** Columns of one block by name. */
export interface BlockColumns {
  write(name: string, out: NativeWriter): boolean;
}

/** Cuts the rows into blocks and writes each, column by column. */
export function buildStream<
  R extends { readonly from: number; readonly to: number; readonly times: PlacedRows["times"] },
>(
  kind: StagedKind,
  ranges: readonly R[],
  memory: BuildMemory,
  columnsOf: (block: readonly R[]) => BlockColumns,
): BuiltBlock[] {
  const out = new NativeWriter(memory.pool);
  const dates = new DateSet();
  let rows = 0;
  for (const block of cut(ranges)) {
    let blockRows = 0;
    for (const { from, to, times } of block) {
      blockRows += to - from;
      dates.add(times, from, to);
    }
    writeBlock(out, kind, blockRows, columnsOf(block));
    rows += blockRows;
  }
  if (rows === 0) return [];
  const parts = out.finish();
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  return [{ kind, rows, parts, sizeBytes, dates: dates.list() }];
}

function* cut<R extends { readonly from: number; readonly to: number }>(ranges: readonly R[]): Iterable<readonly R[]> {
  let block: R[] = [];
  let rows = 0;
  for (const range of ranges) {
    let { from } = range;
    while (from < range.to) {
      const to = Math.min(range.to, from + BLOCK_ROWS - rows);
      block.push({ ...range, from, to });
      rows += to - from;
      from = to;
      if (rows < BLOCK_ROWS) continue;
      yield block;
      block = [];
      rows = 0;
    }
  }
  if (rows > 0) yield block;
}

/** Of each kind: the names and types of its columns as they stand in a block. */
const headers = new Map<StagedKind, readonly Uint8Array[]>();

function headersOf(kind: StagedKind): readonly Uint8Array[] {
  let known = headers.get(kind);
  if (known === undefined) {
    known = STAGED[kind].map(({ name, type }) => {
      const texts = [name, type].map((text) => encoder.encode(text));
      return Uint8Array.from(texts.flatMap((text) => [text.length, ...text]));
    });
    headers.set(kind, known);
  }
  return known;
}

function writeBlock(out: NativeWriter, kind: StagedKind, rows: number, columns: BlockColumns): void {
  const staged = STAGED[kind];
  const header = headersOf(kind);
  out.varint(staged.length);
  out.varint(rows);
  for (let column = 0; column < staged.length; column++) {
    out.raw(header[column]!);
    const { name } = staged[column]!;
    if (!columns.write(name, out)) throw new TypeError(`no writer for column ${kind}.${name}`);
  }
}
