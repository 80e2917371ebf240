import type { DamagedRecords, JournalEntry, SequencedRecord } from "#journal/journal.ts";
import type { Signal } from "#model/batch.ts";
import { describeError, isFailure } from "#runtime/failure.ts";
import { DECODE_LIMITS, type DecodeLimits } from "#wire/limits.ts";
import type { Decoded, DecodePool, Ticket } from "./decode-pool.ts";

/** Batches decoded once more, each by what was written down with its body. */
export interface Redecoded {
  /** In the order of the records. */
  readonly tickets: readonly Ticket[];
  /** Rows of those batches. */
  readonly rows: number;
  /** Records accepted when they came and rejected now: nothing should make them, everything counted must be somewhere. */
  readonly lostRows: number;
  readonly damaged: readonly DamagedRecords[];
  /** Bodies that were decoded when they came and now cannot be, with the reason. */
  readonly undecodable: readonly { readonly record: SequencedRecord; readonly reason: string }[];
}

/** How many bodies are decoded ahead: the worker is busy while the next piece of the journal is read. */
const AHEAD = 4;

/**
 * Throws "unavailable" (nothing is kept then) when the worker cannot be had; what is wrong with a single body does not keep
 * the others from being decoded.
 */
export async function redecode(
  pool: DecodePool,
  signal: Signal,
  entries: AsyncIterable<JournalEntry>,
): Promise<Redecoded> {
  const tickets: Ticket[] = [];
  const damaged: DamagedRecords[] = [];
  const undecodable: { record: SequencedRecord; reason: string }[] = [];
  let rows = 0;
  let lostRows = 0;
  const ahead: { record: SequencedRecord; outcome: Promise<Decoded | Error> }[] = [];
  const settle = async (): Promise<void> => {
    const { record, outcome } = ahead.shift()!;
    const decoded = await outcome;
    if (decoded instanceof Error) {
      if (isFailure(decoded, "unavailable")) throw decoded;
      undecodable.push({ record: { ...record, body: record.body.slice() }, reason: describeError(decoded) });
      return;
    }
    rows += decoded.accepted;
    lostRows += record.acceptedCount - decoded.accepted;
    if (decoded.ticket !== undefined) tickets.push(decoded.ticket);
  };
  try {
    for await (const entry of entries) {
      if (entry.kind === "damaged") {
        damaged.push(entry.damaged);
        continue;
      }
      ahead.push({ record: entry.record, outcome: decodeAgain(pool, signal, entry.record) });
      if (ahead.length >= AHEAD) await settle();
    }
    while (ahead.length > 0) await settle();
    return { tickets, rows, lostRows, damaged, undecodable };
  } catch (error) {
    for (const { outcome } of ahead) {
      const decoded = await outcome;
      if (!(decoded instanceof Error) && decoded.ticket !== undefined) tickets.push(decoded.ticket);
    }
    pool.release(tickets);
    throw error;
  }
}

async function decodeAgain(pool: DecodePool, signal: Signal, record: SequencedRecord): Promise<Decoded | Error> {
  const { tenant, contentType, contentEncoding, body, receivedUnixNano } = record;
  const { acceptFromUnixNano, acceptToUnixNano, outside } = record;
  const window = { acceptFromUnixNano, acceptToUnixNano, outside };
  const limits = parseLimits(record.decoding);
  const request = { tenant, contentType, contentEncoding, body, receivedUnixNano, window, limits };
  try {
    return await pool.decode(signal, request, "always");
  } catch (error) {
    return error instanceof Error ? error : new Error(describeError(error));
  }
}

/** Limits as the journal keeps them: with their names, so that a later version with more limits can still read them. */
export function printLimits(limits: DecodeLimits): string {
  return JSON.stringify(limits);
}

export function parseLimits(decoding: string): DecodeLimits {
  const known = decoding === "" ? {} : (JSON.parse(decoding) as Partial<DecodeLimits>);
  return { ...DECODE_LIMITS, ...known };
}
