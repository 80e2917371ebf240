import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "#runtime/failure.ts";
import { ClickHouse } from "../clickhouse.ts";
import type { Engine, EngineParameters, EngineStatus, StagedBlock } from "../engine.ts";
import { Readiness } from "../readiness.ts";
import { readRows } from "../rows.ts";
import type { StagedColumn } from "../schema/staged.ts";
import { TABLES, VIEWS } from "../schema/tables.ts";
import { createSurface, type EngineCore } from "../surface.ts";
import { READER_ROLE } from "./config-file.ts";
import { Staging } from "./staging.ts";
import { quote } from "./statement.ts";
import { type HostAddress, Supervisor, type WatchOptions } from "./supervisor.ts";

export interface EmbeddedEngineOptions {
  /** The engine's files lie in `clickhouse` below it. */
  readonly dataDir: string;
  /** The engine's own cap on what queries, merges and caches hold together; default 400 MB, which suits a 2 GB host. */
  readonly memoryLimitBytes?: number;
  /** Memory of its own, mapped files not counted, at which the process is restarted; default 400 MB above the cap. */
  readonly ownMemoryLimitBytes?: number;
  readonly database?: string;
  /** The directory that backups may be written to and read from; default `backup` in the data directory. */
  readonly backupDir?: string;
  /** The built host.js; default the one beside this file. */
  readonly hostScript?: string;
  /** How long a killed query may go on before the process is restarted; default 10 s. */
  readonly killGraceMs?: number;
  readonly startTimeoutMs?: number;
  /** How long to wait for another process to let go of the directory; default 5 s. */
  readonly lockWaitMs?: number;
  /** How the process is watched; the defaults suit everything but tests. */
  readonly watch?: WatchOptions;
  /** Hooks of the first start and every later one, see `Engine.onStart`. */
  readonly onStart?: readonly ((engine: Engine) => Promise<void>)[];
}

const DEFAULT_MEMORY_LIMIT_BYTES = 400_000_000;
/** Node, results on their way and what the allocator keeps; 220 MB over the cap were seen. */
const OWN_ABOVE_LIMIT_BYTES = 400_000_000;

/**
 * Starts the engine's process and resolves once it is ready. Throws "data-in-use", "engine-error", and what a hook throws.
 */
export async function openEmbeddedEngine(options: EmbeddedEngineOptions): Promise<Engine> {
  const core = new EmbeddedCore(options);
  try {
    await core.start();
  } catch (error) {
    await core[Symbol.asyncDispose]();
    throw error;
  }
  return createSurface(core, () => core.ready());
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
class EmbeddedCore implements EngineCore {
  readonly #dataDir: string;
  readonly #database: string;
  readonly #memoryLimitBytes: number;
  readonly #readiness = new Readiness();
  readonly #supervisor: Supervisor;
  readonly hooks: Set<(engine: Engine) => Promise<void>>;
  #staging: Staging | undefined;
  #client: ClickHouse | undefined;
  #version = "";
  /** Directories whose entries `sync` makes durable; undefined after anything that may have made a new one. */
  #tableDirs: readonly string[] | undefined;

  constructor(options: EmbeddedEngineOptions) {
    this.#dataDir = resolve(options.dataDir);
    this.#database = options.database ?? "traceo";
    this.#memoryLimitBytes = options.memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT_BYTES;
    this.hooks = new Set(options.onStart);
    mkdirSync(this.#dataDir, { recursive: true, mode: 0o700 });
    this.#supervisor = new Supervisor({
      readiness: this.#readiness,
      ...(options.watch === undefined ? {} : { watch: options.watch }),
      ...(options.lockWaitMs === undefined ? {} : { lockWaitMs: options.lockWaitMs }),
      hostScript: options.hostScript ?? fileURLToPath(new URL("./host.js", import.meta.url)),
      dataDir: join(this.#dataDir, "clickhouse"),
      runRoot: join(this.#dataDir, "clickhouse-run"),
      memoryLimitBytes: this.#memoryLimitBytes,
      ownMemoryLimitBytes: options.ownMemoryLimitBytes ?? this.#memoryLimitBytes + OWN_ABOVE_LIMIT_BYTES,
      killGraceMs: options.killGraceMs ?? 10_000,
      startTimeoutMs: options.startTimeoutMs ?? 120_000,
      config: {
        database: this.#database,
        tables: TABLES.map(({ name }) => name),
        views: VIEWS.map(({ name }) => name),
        backupDir: resolve(options.backupDir ?? join(this.#dataDir, "backup")),
      },
      onUp: async (address) => await this.#up(address),
      onDown: () => this.#down(),
      probe: async (timeoutMs) => await this.#countedBytes(AbortSignal.timeout(timeoutMs)),
    });
  }

  async start(): Promise<void> {
    await this.#supervisor.start();
  }

  async #up(address: HostAddress): Promise<void> {
    this.#version = address.version;
    // Only now: the child holds the directory's lock, so nobody else's blocks are swept away.
    this.#staging ??= new Staging([...memoryFolders(this.#dataDir), join(this.#dataDir, "staged")]);
    await using bare = new ClickHouse({ ...address, database: "default", reader: undefined });
    await bare.execute("CREATE DATABASE IF NOT EXISTS {database:Identifier}", { database: this.#database });
    this.#tableDirs = undefined;
    this.#client = new ClickHouse({ ...address, database: this.#database, reader: { role: READER_ROLE } });
    const early = createSurface(this, () => this.#reachable());
    for (const hook of this.hooks) await hook(early);
  }

  /** What the engine counts as held by itself: all, but for what statements and merges hold now. */
  async #countedBytes(signal: AbortSignal): Promise<number> {
    const { bytes } = await this.#reachable().read(
      {
        sql: `SELECT sumIf(value, metric = 'MemoryTracking') - sumIf(value, metric = 'MergesMutationsMemoryTracking')
            - (SELECT sum(memory_usage) FROM system.processes)
          FROM system.metrics WHERE metric IN ('MemoryTracking', 'MergesMutationsMemoryTracking')`,
        format: "TSVRaw",
      },
      signal,
    );
    return Number(Buffer.from(bytes).toString());
  }

  #down(): void {
    this.#client?.[Symbol.asyncDispose]().catch(() => undefined);
    this.#client = undefined;
  }

  #reachable(): ClickHouse {
    if (this.#client === undefined) throw new Failure("engine-unavailable", "the engine is down");
    return this.#client;
  }

  ready(): ClickHouse {
    this.#readiness.assertReady();
    return this.#reachable();
  }

  onExecute(): void {
    this.#tableDirs = undefined;
  }

  async stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock> {
    if (this.#staging === undefined) throw new Failure("engine-unavailable", "the engine has not started yet");
    const { path, sizeBytes } = await this.#staging.write(parts);
    return new FileBlock(columns, path, sizeBytes);
  }

  async insert(
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

  /**
   * The tables' settings sync a part's files and its directory before the part is renamed into place; what remains is the
   * rename itself, an entry of the table's directory.
   */
  async sync(client: ClickHouse): Promise<void> {
    this.#tableDirs ??= (
      await readRows<[string]>(
        client,
        "SELECT DISTINCT arrayJoin(data_paths) FROM system.tables WHERE database = currentDatabase()",
      )
    ).map(([path]) => path);
    await Promise.all(this.#tableDirs.map(syncDirectory));
  }

  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.#readiness.whenReady(signal);
  }

  status(): EngineStatus {
    return {
      kind: "embedded",
      state: this.#readiness.state,
      version: this.#version,
      cluster: undefined,
      restarts: this.#readiness.restarts,
      lastFailure: this.#readiness.lastFailure,
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
  // Left by processes that were killed and whose data directory was never opened again.
  Staging.sweep("/dev/shm", "traceo-", Date.now());
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
