import type { ChdbBinding, ChdbConnection, ChdbResult } from "./chdb-binding.ts";
import { cancelled, Lane } from "./lane.ts";
import { preamble, quote, type Statement, StatementError } from "./statement.ts";

/**
 * Runs statements in chdb, and is the one place that knows its traps:
 * - After an error in the middle of a result chdb prepends the failed query's rows to the next result of that connection, and
 *   settings and parameters stay. So each statement has a connection of its own; opening, setting and closing one costs 0.7 ms.
 * - Nothing interrupts a query from outside but KILL from another connection, and some functions do not look
 *   (levenshteinDistance, arraySort): a query that outlives its kill is `stuck`, and only the end of the process ends it.
 * - One limit holds all memory, and whoever asks next fails. Statements have a share in which an INSERT is spared
 *   (config-file.ts); if it failed all the same, reads run one at a time until an INSERT has gone through.
 * - A query occupies a thread of libuv's pool: lanes keep slow reads from holding up everything else.
 */
export interface ExecutorOptions {
  readonly chdb: ChdbBinding;
  readonly dataDir: string;
  /** How long a killed query may go on. */
  readonly killGraceMs: number;
  /** Called once with a query that outlived its kill. */
  readonly onStuck: (statement: Statement) => void;
}

const READS = 9;
/** An INSERT holds about five times its block, so two at once are what a small limit bears. */
const INSERTS = 2;
/** Definitions and mutations, which may wait long for their end. */
const CHANGES = 3;
const WAITING = 256;
/** How long reads make room for an INSERT that found none, at most. */
const MAKE_ROOM_MS = 20_000;
const NO_MEMORY = 241;
/** `max_execution_time` is checked between blocks; a query that does not reach the next one is killed this much later. */
const DEADLINE_SLACK_MS = 1_000;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #reads = new Lane(READS, WAITING);
  readonly #inserts = new Lane(INSERTS, WAITING);
  readonly #changes = new Lane(CHANGES, WAITING);
  readonly #running = new Set<Promise<unknown>>();
  #roomTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Runs one statement; the signal kills it. */
  async run(statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    if (this.#closed) throw new StatementError("Code: 236. DB::Exception: The engine is stopping. (ABORTED)");
    const lane = this.#laneOf(statement);
    const leave = await lane.enter(signal);
    try {
      const result = await this.#tracked(this.#supervised(statement, signal));
      if (lane === this.#inserts) this.#readsAsEver();
      return result;
    } catch (error) {
      if (lane === this.#inserts && error instanceof StatementError && error.code === NO_MEMORY) this.#makeRoom();
      throw error;
    } finally {
      leave();
    }
  }

  #laneOf({ settings, sql }: Statement): Lane {
    if (settings.has("readonly")) return this.#reads;
    return /^\s*INSERT\b/i.test(sql) ? this.#inserts : this.#changes;
  }

  #makeRoom(): void {
    clearTimeout(this.#roomTimer);
    this.#reads.narrow(1);
    this.#roomTimer = setTimeout(() => this.#readsAsEver(), MAKE_ROOM_MS);
    this.#roomTimer.unref();
  }

  #readsAsEver(): void {
    if (this.#roomTimer === undefined) return;
    clearTimeout(this.#roomTimer);
    this.#roomTimer = undefined;
    this.#reads.narrow(undefined);
  }

  /** Runs one statement of the host's own, past the lanes. */
  async runNow(sql: string, format = "TSVRaw"): Promise<string> {
    const own: Statement = {
      queryId: "",
      sql,
      format,
      database: "default",
      settings: new Map(),
      parameters: new Map(),
      role: undefined,
    };
    const { bytes } = await this.#tracked(this.#inOwnConnection(own));
    return Buffer.from(bytes).toString();
  }

  /** Takes no more statements and resolves when those that run have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #tracked<T>(promise: Promise<T>): Promise<T> {
    this.#running.add(promise);
    try {
      return await promise;
    } finally {
      this.#running.delete(promise);
    }
  }

  async #supervised(statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    if (signal.aborted) throw cancelled();
    const timers: NodeJS.Timeout[] = [];
    let ended = false;
    const kill = (): void => {
      if (ended) return;
      timers.push(
        setTimeout(() => {
          if (!ended) this.#options.onStuck(statement);
        }, this.#options.killGraceMs),
      );
      this.runNow(`KILL QUERY WHERE Settings['query_cache_tag'] = ${quote(statement.queryId)} ASYNC`, "Null").catch(
        (error: unknown) => process.stderr.write(`engine: KILL failed: ${String(error)}\n`),
      );
    };
    const limitSeconds = Number(statement.settings.get("max_execution_time") ?? 0);
    if (limitSeconds > 0) timers.push(setTimeout(kill, limitSeconds * 1000 + DEADLINE_SLACK_MS));
    signal.addEventListener("abort", kill, { once: true });
    try {
      return await this.#inOwnConnection(statement);
    } finally {
      ended = true;
      signal.removeEventListener("abort", kill);
      for (const timer of timers) clearTimeout(timer);
    }
  }

  async #inOwnConnection(statement: Statement): Promise<ChdbResult> {
    const { chdb, dataDir } = this.#options;
    const before = preamble(statement);
    const connection: ChdbConnection = chdb.CreateConnection(dataDir);
    try {
      await chdb.QueryAsyncConnection(connection, before.join("; "), "Null");
      return await chdb.QueryAsyncConnection(connection, statement.sql, statement.format);
    } catch (error) {
      throw new StatementError(error instanceof Error ? error.message : String(error));
    } finally {
      chdb.CloseConnection(connection);
    }
  }
}
