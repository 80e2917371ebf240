import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "#runtime/failure.ts";
import { ClickHouse } from "../clickhouse.ts";
import type { Engine, EngineAnswer, EngineParameters, EngineRead, EngineStatus, StagedBlock } from "../engine.ts";
import { readRows } from "../rows.ts";
import type { StagedColumn } from "../schema/staged.ts";
import { TABLES, VIEWS } from "../schema/tables.ts";
import { Staging } from "./staging.ts";
import { quote } from "./statement.ts";
import { type HostAddress, Supervisor } from "./supervisor.ts";

export interface EmbeddedEngineOptions {
  /** The engine's files lie in `clickhouse` below it. */
  readonly dataDir: string;
  /** The engine's own cap on what queries, merges and caches hold together; default 400 MB, which suits a 2 GB host. */
  readonly memoryLimitBytes?: number;
  /** Resident memory at which the process is restarted; default 600 MB above the cap. */
  readonly residentLimitBytes?: number;
  readonly database?: string;
  /** The built host.js; default the one beside this file. */
  readonly hostScript?: string;
  /** How long a killed query may go on before the process is restarted; default 10 s. */
  readonly killGraceMs?: number;
  readonly startTimeoutMs?: number;
  /** Hooks of the first start and every later one, see `Engine.onStart`. */
  readonly onStart?: readonly ((engine: Engine) => Promise<void>)[];
}

const DEFAULT_MEMORY_LIMIT_BYTES = 400_000_000;
/** The library and what glibc keeps: 250 MB idle, and peaks 220 MB over the cap were seen. */
const RESIDENT_ABOVE_LIMIT_BYTES = 600_000_000;

/**
 * Starts the engine's process and resolves once it is ready. Throws "data-in-use", "engine-error", and what a hook throws.
 */
export async function openEmbeddedEngine(options: EmbeddedEngineOptions): Promise<Engine> {
  const engine = new EmbeddedEngine(options);
  try {
    await engine.start();
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

class FileBlock implements StagedBlock {
  readonly columns: readonly StagedColumn[];
  readonly sizeBytes: number;
  readonly path: string;

  constructor(columns: readonly StagedColumn[], path: string, sizeBytes: number) {
    this.columns = columns;
    this.path = path;
    this.sizeBytes = sizeBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/** ClickHouse in a child process of ours. */
class EmbeddedEngine implements Engine {
  readonly #dataDir: string;
  readonly #database: string;
  readonly #memoryLimitBytes: number;
  readonly #supervisor: Supervisor;
  readonly #hooks: Set<(engine: Engine) => Promise<void>>;
  #staging: Staging | undefined;
  #client: ClickHouse | undefined;
  #version = "";
  /** Directories whose entries `sync` makes durable; undefined after anything that may have made a new one. */
  #tableDirs: readonly string[] | undefined;

  constructor(options: EmbeddedEngineOptions) {
    this.#dataDir = resolve(options.dataDir);
    this.#database = options.database ?? "traceo";
    this.#memoryLimitBytes = options.memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT_BYTES;
    this.#hooks = new Set(options.onStart);
    mkdirSync(this.#dataDir, { recursive: true, mode: 0o700 });
    this.#supervisor = new Supervisor({
      hostScript: options.hostScript ?? fileURLToPath(new URL("./host.js", import.meta.url)),
      dataDir: join(this.#dataDir, "clickhouse"),
      runRoot: join(this.#dataDir, "clickhouse-run"),
      memoryLimitBytes: this.#memoryLimitBytes,
      residentLimitBytes: options.residentLimitBytes ?? this.#memoryLimitBytes + RESIDENT_ABOVE_LIMIT_BYTES,
      killGraceMs: options.killGraceMs ?? 10_000,
      startTimeoutMs: options.startTimeoutMs ?? 120_000,
      config: {
        database: this.#database,
        tables: TABLES.map(({ name }) => name),
        views: VIEWS.map(({ name }) => name),
        backupDir: join(this.#dataDir, "backup"),
      },
      onUp: async (address) => await this.#up(address),
      onDown: () => this.#down(),
      probe: async (timeoutMs) => {
        await this.#client?.read({ sql: "SELECT 1" }, AbortSignal.timeout(timeoutMs));
      },
    });
  }

  async start(): Promise<void> {
    await this.#supervisor.start();
  }

  async #up(address: HostAddress): Promise<void> {
    this.#version = address.version;
    // Only now: the child holds the directory's lock, so nobody else's blocks are swept away.
    this.#staging ??= new Staging([...memoryFolders(this.#dataDir), join(this.#dataDir, "staged")]);
    await using bare = new ClickHouse({ ...address, database: "default" });
    await bare.execute("CREATE DATABASE IF NOT EXISTS {database:Identifier}", { database: this.#database });
    this.#tableDirs = undefined;
    this.#client = new ClickHouse({ ...address, database: this.#database });
    const early = this.#view();
    for (const hook of this.#hooks) await hook(early);
  }

  /** This engine for its hooks: its calls are let through before it is ready. */
  #view(): Engine {
    return {
      read: async (read, signal) => await this.#reachable().read(read, signal),
      execute: async (sql, parameters, signal) => await this.#execute(this.#reachable(), sql, parameters, signal),
      insert: async (sql, block, parameters, signal) =>
        await this.#insert(this.#reachable(), sql, block, parameters, signal),
      stage: async (columns, parts) => await this.stage(columns, parts),
      sync: async () => await this.#sync(this.#view()),
      whenReady: async (signal) => await this.whenReady(signal),
      status: () => this.status(),
      onStart: (hook) => this.onStart(hook),
      [Symbol.asyncDispose]: async () => await this[Symbol.asyncDispose](),
    };
  }

  #down(): void {
    this.#client?.[Symbol.asyncDispose]().catch(() => undefined);
    this.#client = undefined;
  }

  #reachable(): ClickHouse {
    if (this.#client === undefined) throw new Failure("engine-unavailable", "the engine is down");
    return this.#client;
  }

  #ready(): ClickHouse {
    this.#supervisor.assertReady();
    return this.#reachable();
  }

  async read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer> {
    return await this.#ready().read(read, signal);
  }

  async execute(sql: string, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    await this.#execute(this.#ready(), sql, parameters, signal);
  }

  async #execute(
    client: ClickHouse,
    sql: string,
    parameters: EngineParameters | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#tableDirs = undefined;
    await client.execute(sql, parameters, signal);
  }

  async stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock> {
    if (this.#staging === undefined) throw new Failure("engine-unavailable", "the engine has not started yet");
    const { path, sizeBytes } = await this.#staging.write(parts);
    return new FileBlock(columns, path, sizeBytes);
  }

  async insert(sql: string, block: StagedBlock, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    await this.#insert(this.#ready(), sql, block, parameters, signal);
  }

  async #insert(
    client: ClickHouse,
    sql: string,
    block: StagedBlock,
    parameters: EngineParameters | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!(block instanceof FileBlock)) throw new Error("the block was staged by another engine");
    const structure = block.columns.map(({ name, type }) => `\`${name}\` ${type}`).join(", ");
    const source = `file(${quote(block.path)}, 'Native', ${quote(structure)})`;
    await client.execute(
      sql.replaceAll("{block}", () => source),
      parameters,
      signal,
    );
  }

  async sync(): Promise<void> {
    await this.#sync(this);
  }

  /**
   * The tables' settings sync a part's files and its directory before the part is renamed into place; what remains is the
   * rename itself, an entry of the table's directory.
   */
  async #sync(engine: Engine): Promise<void> {
    this.#tableDirs ??= (
      await readRows<[string]>(
        engine,
        "SELECT DISTINCT arrayJoin(data_paths) FROM system.tables WHERE database = currentDatabase()",
      )
    ).map(([path]) => path);
    await Promise.all(this.#tableDirs.map(syncDirectory));
  }

  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.#supervisor.whenReady(signal);
  }

  onStart(listener: (engine: Engine) => Promise<void>): () => void {
    this.#hooks.add(listener);
    return () => this.#hooks.delete(listener);
  }

  status(): EngineStatus {
    return {
      kind: "embedded",
      state: this.#supervisor.state,
      version: this.#version,
      cluster: undefined,
      restarts: this.#supervisor.restarts,
      lastFailure: this.#supervisor.lastFailure,
      residentBytes: this.#supervisor.residentBytes,
      memoryLimitBytes: this.#memoryLimitBytes,
      processId: this.#supervisor.processId,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
    this.#down();
    this.#staging?.close();
  }
}

/** A folder of this data directory's own in shared memory, where the platform has one. */
function memoryFolders(dataDir: string): string[] {
  if (!existsSync("/dev/shm")) return [];
  return [`/dev/shm/traceo-${createHash("sha256").update(dataDir).digest("hex").slice(0, 16)}`];
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
