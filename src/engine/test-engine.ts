import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type EmbeddedEngineOptions, openEmbeddedEngine } from "./embedded/embedded-engine.ts";
import type { HostOrder, HostReport } from "./embedded/host-message.ts";
import type { Engine } from "./engine.ts";
import { TABLES, VIEWS } from "./schema/tables.ts";

/**
 * A real engine for tests, on a clean clone too: Node 20 runs no TypeScript, so the child process's code is compiled once
 * per state of the sources into node_modules/.cache (a second or two) and found there afterwards.
 */
const SOURCE = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const ROOT = resolve(SOURCE, "..");

/** The built host.js for the present sources. Safe to call from several test processes at once. */
export function builtHostScript(): string {
  const files = ["engine", "runtime"].flatMap((folder) => sources(join(SOURCE, folder))).sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(relative(SOURCE, file)).update(readFileSync(file));
  const cache = join(ROOT, "node_modules/.cache/traceo-engine");
  const home = join(cache, hash.digest("hex").slice(0, 16));
  const host = join(home, "engine/embedded/host.js");
  if (existsSync(host)) return host;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "build-"));
  execFileSync(process.execPath, [
    join(ROOT, "node_modules/typescript/bin/tsc"),
    "--ignoreConfig",
    ...["--rootDir", SOURCE, "--outDir", work, "--module", "nodenext", "--target", "es2023", "--types", "node"],
    ...["--rewriteRelativeImportExtensions", "--noCheck", "--skipLibCheck"],
    join(SOURCE, "engine/embedded/host.ts"),
  ]);
  writeFileSync(join(work, "package.json"), JSON.stringify({ type: "module", imports: { "#*.ts": "./*.js" } }));
  try {
    renameSync(work, home);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    if (!existsSync(host)) throw error;
  }
  return host;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(test|suite|bench|fuzz)\.ts$/.test(path) || !path.endsWith(".ts") ? [] : [path];
  });
}

export type TestEngine = Engine & { readonly dataDir: string };

/** Opens an embedded engine on an empty temporary directory, which is removed with it. Takes about half a second. */
export async function openTestEngine(options: Partial<EmbeddedEngineOptions> = {}): Promise<TestEngine> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "traceo-engine-"));
  const engine = await openEmbeddedEngine({
    memoryLimitBytes: 400_000_000,
    hostScript: builtHostScript(),
    ...options,
    dataDir,
  });
  const dispose = engine[Symbol.asyncDispose].bind(engine);
  return Object.assign(engine, {
    dataDir,
    async [Symbol.asyncDispose]() {
      await dispose();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  });
}

/** A ClickHouse server for tests of the remote adapter: a second engine process of ours, which the test may kill. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
}

export async function openTestServer(): Promise<TestServer> {
  const home = mkdtempSync(join(tmpdir(), "traceo-server-"));
  const user = "traceo";
  const password = randomBytes(16).toString("hex");
  let port = 0;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [builtHostScript()], {
      env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child = started;
    const order: HostOrder = {
      type: "start",
      port,
      dataDir: join(home, "clickhouse"),
      configDir: join(home, "run"),
      user,
      password,
      memoryLimitBytes: 400_000_000,
      killGraceMs: 10_000,
      config: {
        database: "traceo",
        tables: TABLES.map(({ name }) => name),
        views: VIEWS.map(({ name }) => name),
        backupDir: join(home, "backup"),
      },
    };
    started.send(order);
    const [report] = (await once(started, "message")) as [HostReport];
    if (report.type !== "ready") throw new Error(`the test server did not start: ${JSON.stringify(report)}`);
    port = report.port;
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    user,
    password,
    start,
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
