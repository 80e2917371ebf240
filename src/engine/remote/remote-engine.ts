import { describeError } from "#runtime/failure.ts";
import { ClickHouse, type ClickHouseUser } from "../clickhouse.ts";
import type { Engine, EngineParameters, EngineStatus, StagedBlock } from "../engine.ts";
import { Readiness } from "../readiness.ts";
import { onCluster } from "../schema/ddl.ts";
import type { StagedColumn } from "../schema/staged.ts";
import { createSurface, type EngineCore } from "../surface.ts";

export interface RemoteEngineOptions extends ClickHouseUser {
  /** `http://host:8123` or `https://…`. */
  readonly url: string;
  readonly database?: string;
  /** Statements run ON CLUSTER and tables are Replicated and Distributed. */
  readonly cluster?: string;
  /** Who runs SQL that people wrote (reader-grants.ts); without one such SQL is refused. */
  readonly reader?: ClickHouseUser | { readonly role: string };
  /** Pause between attempts to reach an engine that is away; default 1 s. */
  readonly retryMs?: number;
  /** Hooks of the first connection and of every one after the engine was away, see `Engine.onStart`. */
  readonly onStart?: readonly ((engine: Engine) => Promise<void>)[];
}

/** Connects to a ClickHouse server. Throws "engine-unavailable" when it does not answer, and what a hook throws. */
export async function openRemoteEngine(options: RemoteEngineOptions): Promise<Engine> {
  const core = new RemoteCore(options);
  try {
    await core.connect();
  } catch (error) {
    await core[Symbol.asyncDispose]();
    throw error;
  }
  return createSurface(core, () => core.ready());
}

class MemoryBlock implements StagedBlock {
  readonly columns: readonly StagedColumn[];
  readonly sizeBytes: number;
  parts: readonly Uint8Array[];

  constructor(columns: readonly StagedColumn[], parts: readonly Uint8Array[]) {
    this.columns = columns;
    this.parts = parts;
    this.sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.parts = [];
  }
}

/** A ClickHouse server or cluster, by URL. It is not ours to restart: when it is away we ask until it is back. */
class RemoteCore implements EngineCore {
  readonly hooks: Set<(engine: Engine) => Promise<void>>;
  readonly #options: RemoteEngineOptions;
  readonly #client: ClickHouse;
  readonly #database: string;
  readonly #readiness = new Readiness();
  #version = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RemoteEngineOptions) {
    this.#options = options;
    this.#database = options.database ?? "traceo";
    this.hooks = new Set(options.onStart);
    this.#client = new ClickHouse({
      url: options.url,
      user: options.user,
      password: options.password,
      database: this.#database,
      reader: options.reader,
      onUnreachable: () => this.#lost(),
    });
  }

  async connect(): Promise<void> {
    const { url, user, password, cluster } = this.#options;
    await using bare = new ClickHouse({ url, user, password, database: "default", reader: undefined });
    const { bytes } = await bare.read({ sql: "SELECT version()", format: "TSVRaw" });
    this.#version = Buffer.from(bytes).toString().trim();
    await bare.execute(`CREATE DATABASE IF NOT EXISTS {database:Identifier}${onCluster(cluster)}`, {
      database: this.#database,
    });
    const early = createSurface(this, () => this.#client);
    for (const hook of this.hooks) await hook(early);
    this.#readiness.set("ready");
  }

  #lost(): void {
    if (this.#readiness.state !== "ready") return;
    this.#readiness.set("restarting");
    this.#readiness.restarts++;
    this.#retryLater();
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => {
      this.connect().catch((error: unknown) => {
        if (this.#readiness.state === "closed") return;
        this.#readiness.lastFailure = describeError(error);
        this.#retryLater();
      });
    }, this.#options.retryMs ?? 1_000);
  }

  ready(): ClickHouse {
    this.#readiness.assertReady();
    return this.#client;
  }

  onExecute(): void {
    // Nothing is remembered about a server's tables.
  }

  async stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock> {
    return new MemoryBlock(
      columns,
      // A copy: Buffer's own slice() would share the memory.
      parts.map((part) => new Uint8Array(part)),
    );
  }

  async insert(
    client: ClickHouse,
    sql: string,
    block: StagedBlock,
    parameters: EngineParameters | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!(block instanceof MemoryBlock)) throw new Error("the block was staged by another engine");
    const structure = block.columns.map(({ name, type }) => `\`${name}\` ${type}`).join(", ");
    const source = `input('${structure.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}')`;
    await client.execute(`${sql.replaceAll("{block}", () => source)} FORMAT Native`, parameters, signal, block.parts);
  }

  /** A server acknowledges an INSERT under its own durability settings; ours ask it to sync (schema/tables.ts). */
  async sync(): Promise<void> {
    this.#readiness.assertReady();
  }

  async whenReady(signal?: AbortSignal): Promise<void> {
    await this.#readiness.whenReady(signal);
  }

  status(): EngineStatus {
    return {
      kind: "remote",
      state: this.#readiness.state,
      version: this.#version,
      cluster: this.#options.cluster,
      restarts: this.#readiness.restarts,
      lastFailure: this.#readiness.lastFailure,
      residentBytes: undefined,
      memoryLimitBytes: undefined,
      processId: undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#readiness.set("closed");
    clearTimeout(this.#timer);
    await this.#client[Symbol.asyncDispose]();
  }
}
