import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "#runtime/failure.ts";
import { ClickHouse } from "../clickhouse.ts";
import type {
  Engine,
  EngineAnswer,
  EngineParameters,
  EngineRead,
  EngineState,
  EngineStatus,
  StagedBlock,
} from "../engine.ts";
import type { StagedColumn } from "../schema/staged.ts";
import type { HostReport, HostStart } from "./host-message.ts";
import { Staging } from "./staging.ts";
import { quote } from "./statement.ts";

export interface EmbeddedEngineOptions {
  readonly dataDir: string;
  /** The engine's own cap on what its queries, merges and caches hold. */
  readonly memoryLimitBytes: number;
  readonly database?: string;
  /** The built host.js; default the one beside this file. */
  readonly hostScript?: string;
}

/** Starts the engine's child process and resolves once it is ready. Throws "data-in-use" and "engine-error". */
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

class EmbeddedEngine implements Engine {
  readonly #options: EmbeddedEngineOptions;
  readonly #dataDir: string;
  readonly #database: string;
  readonly #staging: Staging;
  #child: ChildProcess | undefined;
  #client: ClickHouse | undefined;
  #state: EngineState = "starting";
  #version = "";

  constructor(options: EmbeddedEngineOptions) {
    this.#options = options;
    this.#dataDir = resolve(options.dataDir);
    this.#database = options.database ?? "traceo";
    mkdirSync(this.#dataDir, { recursive: true, mode: 0o700 });
    const name = createHash("sha256").update(this.#dataDir).digest("hex").slice(0, 16);
    this.#staging = new Staging([
      ...(existsSync("/dev/shm") ? [`/dev/shm/traceo-${name}`] : []),
      join(this.#dataDir, "staged"),
    ]);
  }

  async start(): Promise<void> {
    const script = this.#options.hostScript ?? fileURLToPath(new URL("./host.js", import.meta.url));
    const password = randomBytes(32).toString("base64url");
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    const start: HostStart = {
      type: "start",
      dataDir: join(this.#dataDir, "clickhouse"),
      user: "traceo",
      password,
      memoryLimitBytes: this.#options.memoryLimitBytes,
    };
    child.send(start);
    const report = await new Promise<HostReport>((done, failed) => {
      child.once("message", (message) => done(message as HostReport));
      child.once("error", failed);
      child.once("exit", (code, signal) =>
        failed(new Failure("engine-error", `the engine stopped at start (${signal ?? code})`)),
      );
    });
    if (report.type === "failed") throw new Failure(report.code, report.message);
    this.#version = report.version;
    const address = { url: `http://127.0.0.1:${report.port}`, user: "traceo", password };
    await using bare = new ClickHouse({ ...address, database: "default" });
    await bare.execute("CREATE DATABASE IF NOT EXISTS {database:Identifier}", { database: this.#database });
    this.#client = new ClickHouse({ ...address, database: this.#database });
    this.#state = "ready";
  }

  #ready(): ClickHouse {
    if (this.#client === undefined || this.#state !== "ready")
      throw new Failure("engine-unavailable", `the engine is ${this.#state}`);
    return this.#client;
  }

  async read(read: EngineRead, signal?: AbortSignal): Promise<EngineAnswer> {
    return await this.#ready().read(read, signal);
  }

  async execute(sql: string, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    await this.#ready().execute(sql, parameters, signal);
  }

  async stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock> {
    const { path, sizeBytes } = await this.#staging.write(parts);
    return new FileBlock(columns, path, sizeBytes);
  }

  async insert(sql: string, block: StagedBlock, parameters?: EngineParameters, signal?: AbortSignal): Promise<void> {
    if (!(block instanceof FileBlock)) throw new Error("the block was staged by another engine");
    const structure = block.columns.map(({ name, type }) => `\`${name}\` ${type}`).join(", ");
    const source = `file(${quote(block.path)}, 'Native', ${quote(structure)})`;
    await this.#ready().execute(
      sql.replaceAll("{block}", () => source),
      parameters,
      signal,
    );
  }

  async sync(): Promise<void> {}

  async whenReady(): Promise<void> {}

  onStart(): () => void {
    return () => {};
  }

  status(): EngineStatus {
    return {
      kind: "embedded",
      state: this.#state,
      version: this.#version,
      cluster: undefined,
      restarts: 0,
      lastFailure: undefined,
      residentBytes: undefined,
      memoryLimitBytes: this.#options.memoryLimitBytes,
      processId: this.#child?.pid,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    await this.#client?.[Symbol.asyncDispose]();
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((done) => this.#child!.once("exit", done));
      this.#child.disconnect();
      await gone;
    }
    this.#staging.close();
  }
}
