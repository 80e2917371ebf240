import type { Journal } from "#journal/journal.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { type Clock, systemClock } from "#runtime/clock.ts";
import type { Disk } from "#runtime/disk.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import { DECODE_LIMITS, type DecodeLimits } from "#wire/limits.ts";
import type { Decoded, DecodePool, DecodePoolStatus } from "./decode-pool.ts";
import type { Ingest, IngestAnswer, IngestRequest, SignalLedger } from "./ingest.ts";
import { SignalBook } from "./ledger.ts";
import { LOADER_DEFAULTS, Loader, type LoaderOptions, type LoaderStatus, type LoadInserter } from "./loader.ts";
import { Quarantine, type QuarantineEntry } from "./quarantine.ts";
import { printLimits } from "./replay.ts";

export interface IngestSettings {
  readonly limits: DecodeLimits;
  /** How old a record may be, per signal: what retention would remove at once is not taken. */
  readonly maxAgeMs: Readonly<Record<Signal, number>>;
  /** How far a record's time may lie ahead of the clock. */
  readonly maxAheadMs: number;
  readonly outside: "clamp" | "reject";
  readonly loader: LoaderOptions;
}

const DAY_MS = 86_400_000;
const FULL_PAUSE_MS = 500;

export const INGEST_DEFAULTS: IngestSettings = {
  limits: DECODE_LIMITS,
  maxAgeMs: { traces: 14 * DAY_MS, logs: 14 * DAY_MS, metrics: 90 * DAY_MS },
  maxAheadMs: 3_600_000,
  outside: "clamp",
  loader: LOADER_DEFAULTS,
};

export interface IngestDependencies {
  readonly journals: Readonly<Record<Signal, Journal>>;
  readonly pool: DecodePool;
  readonly inserter: LoadInserter;
  /** For the files of the quarantine. */
  readonly disk: Disk;
  readonly quarantineDirectory: string;
  readonly clock?: Clock;
  readonly settings?: Partial<IngestSettings>;
}

export interface IngestStatus {
  readonly decode: DecodePoolStatus;
  readonly loaders: Readonly<Record<Signal, LoaderStatus>>;
  /** Records whose time was moved to the border of the window. */
  readonly clamped: Readonly<Record<Signal, number>>;
  /** What was cut off at a limit, by limit, over all signals. */
  readonly truncated: Readonly<Record<string, number>>;
}

export interface RunningIngest extends Ingest {
  status(): IngestStatus;
  quarantined(): Promise<readonly QuarantineEntry[]>;
  /**
   * Loads what a file of the quarantine holds and removes it; resolves with the number of records stored. Throws "not-found",
   * "unavailable", or the engine's refusal, if it refuses again.
   */
  replayQuarantined(name: string): Promise<number>;
}

/** Takes up loading where the last process left it, and accepts bodies from now on. */
export async function openIngest(deps: IngestDependencies): Promise<RunningIngest> {
  const quarantine = await Quarantine.open(deps.disk, deps.quarantineDirectory);
  return new OpenIngest(deps, quarantine);
}

class OpenIngest implements RunningIngest {
  readonly #deps: IngestDependencies;
  readonly #settings: IngestSettings;
  readonly #clock: Clock;
  readonly #quarantine: Quarantine;
  readonly #decoding: string;
  readonly #books: Readonly<Record<Signal, SignalBook>>;
  readonly #loaders: Readonly<Record<Signal, Loader>>;
  readonly #clamped: Record<Signal, number> = { traces: 0, logs: 0, metrics: 0 };
  readonly #truncated = new Map<string, number>();
  readonly #full: Record<Signal, { readonly failure: Failure; readonly untilMs: number } | undefined> = perSignal(
    () => undefined,
  );
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<Readonly<Record<Signal, SignalLedger>>> | undefined;

  constructor(deps: IngestDependencies, quarantine: Quarantine) {
    this.#deps = deps;
    this.#settings = { ...INGEST_DEFAULTS, ...deps.settings };
    this.#clock = deps.clock ?? systemClock;
    this.#quarantine = quarantine;
    this.#decoding = printLimits(this.#settings.limits);
    const { journals, pool, inserter } = deps;
    this.#books = perSignal((signal) => new SignalBook(this.#clock, () => journals[signal].status().pendingRecords));
    this.#loaders = perSignal(
      (signal) =>
        new Loader(
          {
            signal,
            journal: journals[signal],
            pool,
            inserter,
            quarantine,
            book: this.#books[signal],
            clock: this.#clock,
          },
          this.#settings.loader,
        ),
    );
  }

  async accept(request: IngestRequest, abort?: AbortSignal): Promise<IngestAnswer> {
    const work = this.#accept(request, abort);
    this.#underWay.add(work);
    try {
      return await work;
    } catch (error) {
      this.#books[request.signal].refused();
      throw error;
    } finally {
      this.#underWay.delete(work);
    }
  }

  ledger(): Readonly<Record<Signal, SignalLedger>> {
    return perSignal((signal) => this.#books[signal].read());
  }

  status(): IngestStatus {
    return {
      decode: this.#deps.pool.status(),
      loaders: perSignal((signal) => this.#loaders[signal].status()),
      clamped: { ...this.#clamped },
      truncated: Object.fromEntries(this.#truncated),
    };
  }

  async flush(abort?: AbortSignal): Promise<void> {
    await Promise.all(SIGNALS.map((signal) => this.#loaders[signal].flush(abort)));
  }

  quarantined(): Promise<readonly QuarantineEntry[]> {
    return this.#quarantine.list();
  }

  async replayQuarantined(name: string): Promise<number> {
    const opened = await this.#quarantine.open(name);
    if (opened === undefined) throw new Failure("not-found", `There is no ${name} in the quarantine.`);
    await opened.file[Symbol.asyncDispose]();
    return this.#loaders[opened.entry.signal].replay(name);
  }

  close(deadlineMs: number): Promise<Readonly<Record<Signal, SignalLedger>>> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  async #accept(request: IngestRequest, abort: AbortSignal | undefined): Promise<IngestAnswer> {
    if (this.#closing !== undefined)
      throw new Failure("unavailable", "Traceo is shutting down.", { retryAfterSeconds: 5 });
    const { signal, tenant, contentType, contentEncoding, body, receivedUnixNano } = request;
    const { journals, pool } = this.#deps;
    const { limits, outside } = this.#settings;
    this.#refuseWhenFull(signal);
    const window = this.#window(signal, receivedUnixNano);
    const decoded = await pool.decode(signal, { ...request, window, limits }, "if-room", abort);
    const { accepted, rejected, rejections, ticket, decodedBytes } = decoded;
    if (abort?.aborted === true) {
      if (ticket !== undefined) pool.release([ticket]);
      throw new Failure("cancelled", "The sender went away.");
    }
    if (accepted > 0) {
      let sequence: number;
      try {
        sequence = await journals[signal].append({
          receivedUnixNano,
          tenant,
          contentType,
          contentEncoding,
          ...window,
          outside,
          decoding: this.#decoding,
          acceptedCount: accepted,
          decodedBytes,
          body,
        });
      } catch (error) {
        if (ticket !== undefined) pool.release([ticket]);
        if (!isFailure(error)) throw error;
        if (error.code !== "too-large")
          this.#full[signal] = { failure: error, untilMs: this.#clock.monotonicMs() + FULL_PAUSE_MS };
        throw error;
      }
      this.#loaders[signal].offer(sequence, accepted, decodedBytes, ticket);
    }
    this.#count(signal, decoded);
    return { accepted, rejected, rejections };
  }

  /** After a refused append, bodies are refused without decoding them for a moment: a full disk must not cost CPU as well. */
  #refuseWhenFull(signal: Signal): void {
    const full = this.#full[signal];
    if (full !== undefined && this.#clock.monotonicMs() < full.untilMs) throw full.failure;
    this.#full[signal] = undefined;
  }

  #window(signal: Signal, receivedUnixNano: bigint) {
    const { maxAgeMs, maxAheadMs, outside } = this.#settings;
    const from = receivedUnixNano - BigInt(Math.round(maxAgeMs[signal])) * 1_000_000n;
    return {
      acceptFromUnixNano: from > 0n ? from : 0n,
      acceptToUnixNano: receivedUnixNano + BigInt(Math.round(maxAheadMs)) * 1_000_000n,
      outside,
    };
  }

  #count(signal: Signal, decoded: Decoded): void {
    this.#books[signal].received(decoded);
    this.#clamped[signal] += decoded.clamped;
    for (const { limit, count } of decoded.truncated)
      this.#truncated.set(limit, (this.#truncated.get(limit) ?? 0) + count);
  }

  async #close(deadlineMs: number): Promise<Readonly<Record<Signal, SignalLedger>>> {
    const deadline = AbortSignal.timeout(Math.max(0, Math.round(deadlineMs)));
    await Promise.allSettled(this.#underWay);
    await Promise.all(SIGNALS.map((signal) => this.#loaders[signal].close(deadline)));
    return this.ledger();
  }
}

function perSignal<T>(make: (signal: Signal) => T): Record<Signal, T> {
  return { traces: make("traces"), logs: make("logs"), metrics: make("metrics") };
}
