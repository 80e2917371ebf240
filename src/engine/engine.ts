import type { StagedColumn } from "./schema/staged.ts";

/**
 * The engine port: all that the rest of the program may ask of ClickHouse, embedded or remote.
 *
 * Promises every adapter keeps (engine.suite.ts holds them to it):
 * - An answer contains rows of its own query only, also after another query failed half way.
 * - `insert` is atomic per partition of the target table: after any outcome a partition has all of the load's rows or none.
 * - A read stops when its signal aborts, its time is up or a limit is passed; if it does not, the engine is restarted.
 * - While the engine is down every call fails at once with Failure "engine-unavailable"; `whenReady` waits for it.
 * Values reach SQL only as parameters (`{name:Type}`), never by pasting text.
 */
export type EngineValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly EngineValue[]
  | { readonly [key: string]: EngineValue };

export type EngineParameters = Readonly<Record<string, EngineValue>>;

export interface EngineRead {
  readonly sql: string;
  readonly parameters?: EngineParameters;
  /** ClickHouse output format; default JSONCompact. In JSON formats 64-bit integers are strings, so that they stay exact. */
  readonly format?: string;
  readonly limits?: ReadLimits;
  /** Set for SQL that a person wrote: runs as the confined reader who sees only this tenant's rows. */
  readonly confinedTo?: { readonly tenant: string };
  /** With `confinedTo`: answers how the engine would run the statement, as lines of text, instead of running it. */
  readonly explain?: boolean;
}

export interface ReadLimits {
  readonly timeoutMs?: number;
  readonly resultRows?: number;
  readonly resultBytes?: number;
  readonly memoryBytes?: number;
}

export interface EngineAnswer {
  /** The result in the format asked for. */
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly elapsedMs: number;
}

/** A Native block that `insert` reads, as often as needed, until it is disposed. */
export interface StagedBlock extends AsyncDisposable {
  readonly columns: readonly StagedColumn[];
  readonly sizeBytes: number;
}

export type EngineState = "starting" | "ready" | "restarting" | "failed" | "closed";

export interface EngineStatus {
  readonly kind: "embedded" | "remote";
  readonly state: EngineState;
  readonly version: string;
  /** Name of the cluster that statements run ON, if one is configured. */
  readonly cluster: string | undefined;
  readonly restarts: number;
  readonly lastFailure: string | undefined;
  /** Resident memory of the engine process; undefined for a remote engine. */
  readonly residentBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly processId: number | undefined;
}

export interface Engine extends AsyncDisposable {
  /** Runs one SELECT. Throws query-invalid, query-limit, query-timeout, cancelled, engine-unavailable, engine-error. */
  read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer>;
  /** Runs one statement that changes something (DDL, INSERT … SELECT, ALTER). Not retried here. */
  execute(sql: string, parameters?: EngineParameters, signal?: AbortSignal): Promise<void>;
  /** Keeps a Native block within the engine's reach. `parts` are written one after the other and may be reused after. */
  stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock>;
  /** Runs `INSERT INTO … SELECT … FROM {block} …`, where `{block}` is the staged block: at most one part per partition. */
  insert(sql: string, block: StagedBlock, parameters?: EngineParameters, signal?: AbortSignal): Promise<void>;
  /** Makes all that was inserted survive power loss (syncs the data directory; nothing to do for a remote engine). */
  sync(): Promise<void>;
  /** Resolves once statements are accepted. */
  whenReady(signal?: AbortSignal): Promise<void>;
  status(): EngineStatus;
  /**
   * Called after each (re)start, before the state is `ready`; the loader checks what arrived, migrations run. Calls made
   * with the engine it is given are accepted already. Returns an unsubscribe.
   */
  onStart(listener: (engine: Engine) => Promise<void>): () => void;
}
