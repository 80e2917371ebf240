import type { ChdbBinding, ChdbResult } from "./chdb-binding.ts";
import { Connections } from "./connections.ts";
import { cancelled, Lane } from "./lane.ts";
import { preamble, quote, type Statement, StatementError } from "./statement.ts";

/**
 * Runs statements in chdb, and is the one place that knows its traps:
 * - After an error in the middle of a result chdb prepends the failed query's rows to the next result of that connection, and
 *   settings and parameters stay. So each statement has a connection of its own (connections.ts).
 * - Nothing interrupts a query from outside but KILL from another connection, and some functions do not look
 *   (levenshteinDistance, arraySort): a query that outlives its kill is `stuck`, and only the end of the process ends it.
 * - One limit holds all memory, and whoever asks next fails. Statements have a share in which an INSERT is spared
 *   (config-file.ts); if one failed all the same, reads make room: for some seconds they get little memory each, and one that
 *   needs more waits and runs then.
 * - A query occupies a thread of libuv's pool: lanes keep slow reads from holding up everything else.
 */
export interface ExecutorOptions {
  readonly chdb: ChdbBinding;
  readonly dataDir: string;
  /** How long a killed query may go on. */
  readonly killGraceMs: number;
  readonly memoryLimitBytes: number;
  /** Called once with a query that outlived its kill. */
  readonly onStuck: (statement: Statement) => void;
}

const READS = 9;
/** An INSERT holds about five times its block, so two at once are what a small limit bears. */
const INSERTS = 2;
/** Definitions and mutations, which may wait long for their end. */
const CHANGES = 3;
const WAITING = 256;
/** Connections opened ahead, 0.2 MB each: as many as one page of the web interface asks at once. */
const CONNECTIONS_AHEAD = 6;
/**
 * How long reads make room after the last INSERT that found none (a load is several, and comes again after a pause), and what
 * share of the limit each gets meanwhile.
 */
const MAKE_ROOM_MS = 5_000;
const MODEST_SHARE = 1 / 32;
const MODEST_ATTEMPTS = 40;
const MODEST_PAUSE_MS = 100;
const NO_MEMORY = 241;
/** `max_execution_time` is checked between blocks; a query that does not reach the next one is killed this much later. */
const DEADLINE_SLACK_MS = 1_000;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #reads = new Lane(READS, WAITING);
  readonly #inserts = new Lane(INSERTS, WAITING);
  readonly #changes = new Lane(CHANGES, WAITING);
  readonly #running = new Set<Promise<unknown>>();
  readonly #connections: Connections;
  /** While reads make room: resolves when that is over. */
  #room: { readonly over: Promise<void>; readonly timer: NodeJS.Timeout } | undefined;
  #closed = false;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#connections = new Connections(options.chdb, options.dataDir, CONNECTIONS_AHEAD);
  }

  /** Runs one statement; the signal kills it. */
  async run(statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    const lane = this.#laneOf(statement);
    if (lane === this.#reads) return await this.#read(statement, signal);
    if (lane !== this.#inserts) return await this.#inLane(lane, statement, signal);
    try {
      return await this.#inLane(lane, statement, signal);
    } catch (error) {
      if (isMemoryError(error)) this.#makeRoom();
      throw error;
    }
  }

  async #read(statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    for (let attempt = 1; ; attempt++) {
      const room = this.#room;
      try {
        return await this.#inLane(this.#reads, room === undefined ? statement : this.#modest(statement), signal);
      } catch (error) {
        if (room === undefined || !isMemoryError(error) || signal.aborted) throw error;
        // Its own limit: it is no modest one, and runs when there is room again.
        if (/Query memory limit|\(for query\)/.test(error.message)) await untilAborted(room.over, signal);
        // What others still hold comes free soon: a modest read, such as the loader's, need not wait for the end.
        else if (attempt < MODEST_ATTEMPTS)
          await untilAborted(Promise.race([room.over, pause(MODEST_PAUSE_MS)]), signal);
        else throw error;
      }
    }
  }

  async #inLane(lane: Lane, statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    if (this.#closed) throw new StatementError("Code: 236. DB::Exception: The engine is stopping. (ABORTED)");
    const leave = await lane.enter(signal);
    try {
      return await this.#tracked(this.#supervised(statement, signal));
    } finally {
      leave();
    }
  }

  #modest(statement: Statement): Statement {
    const modest = Math.round(this.#options.memoryLimitBytes * MODEST_SHARE);
    const asked = Number(statement.settings.get("max_memory_usage") ?? 0);
    if (asked > 0 && asked <= modest) return statement;
    return { ...statement, settings: new Map([...statement.settings, ["max_memory_usage", String(modest)]]) };
  }

  #makeRoom(): void {
    if (this.#room !== undefined) {
      this.#room.timer.refresh();
      return;
    }
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = () => {
        this.#room = undefined;
        resolve();
      };
    });
    const timer = setTimeout(() => end(), MAKE_ROOM_MS);
    timer.unref();
    this.#room = { over, timer };
  }

  #laneOf({ settings, sql }: Statement): Lane {
    if (settings.has("readonly")) return this.#reads;
    return /^\s*INSERT\b/i.test(sql) ? this.#inserts : this.#changes;
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
    await this.#connections.close();
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
    const { chdb } = this.#options;
    const before = preamble(statement);
    try {
      const connection = await this.#connections.take(statement.database);
      try {
        await chdb.QueryAsyncConnection(connection, before.join("; "), "Null");
        return await chdb.QueryAsyncConnection(connection, statement.sql, statement.format);
      } finally {
        this.#connections.giveBack(connection);
      }
    } catch (error) {
      throw new StatementError(error instanceof Error ? error.message : String(error));
    }
  }
}

function isMemoryError(error: unknown): error is StatementError {
  return error instanceof StatementError && error.code === NO_MEMORY;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Rejects when the signal aborts first. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => reject(cancelled());
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
