/**
 * Entry of the child process that hosts chdb behind ClickHouse's HTTP interface on loopback. What it needs to know, the
 * secret included, comes over the IPC channel. It dies with its parent, however that went: the channel closes, or, should
 * the channel have been inherited by another process, its parent's number changes.
 */
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type ChdbBinding, type ChdbConnection, loadChdb } from "./chdb-binding.ts";
import { writeConfigFile } from "./config-file.ts";
import { Executor } from "./executor.ts";
import type { HostOrder, HostReport } from "./host-message.ts";
import { createHttpInterface } from "./http-interface.ts";

type StartOrder = Extract<HostOrder, { type: "start" }>;

/** Bodies: a statement, or a block sent by a remote adapter. */
const MAX_BODY_BYTES = 512 << 20;
const PARENT_WATCH_MS = 1_000;

let stop: (() => Promise<void>) | undefined;

function report(message: HostReport): void {
  process.send?.(message);
}

function dieNow(): void {
  process.kill(process.pid, "SIGKILL");
}

async function start(order: StartOrder): Promise<void> {
  mkdirSync(order.dataDir, { recursive: true, mode: 0o700 });
  const chdb = loadChdb();
  const keeper = openKeeper(chdb, order);
  const executor = new Executor({
    chdb,
    dataDir: order.dataDir,
    killGraceMs: order.killGraceMs,
    memoryLimitBytes: order.memoryLimitBytes,
    onStuck: ({ sql }) => {
      process.send?.({ type: "stuck", sql: sql.slice(0, 500) } satisfies HostReport, () => dieNow());
    },
  });
  let nextFile = 0;
  const server = createHttpInterface({
    user: order.user,
    password: order.password,
    maxBodyBytes: MAX_BODY_BYTES,
    withFile: async (body, use) => {
      const path = join(order.configDir, `body-${nextFile++}.native`);
      try {
        await writeFile(path, body, { mode: 0o600 });
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    run: (statement, signal) => executor.run(statement, signal),
  });
  server.listen(order.port, "127.0.0.1");
  await once(server, "listening");
  stop = async () => {
    server.close();
    server.closeIdleConnections();
    await executor.close();
    chdb.CloseConnection(keeper);
    process.exit(0);
  };
  const version = (await executor.runNow("SELECT version()")).trim();
  report({ type: "ready", port: (server.address() as AddressInfo).port, version });
}

/** The connection that starts the engine and keeps it running. */
function openKeeper(chdb: ChdbBinding, order: StartOrder): ChdbConnection {
  const configFile = writeConfigFile(order.configDir, order.config, order.memoryLimitBytes);
  try {
    return chdb.CreateConnection(order.dataDir, [
      `--config-file=${configFile}`,
      `--max_server_memory_usage=${order.memoryLimitBytes}`,
      `--mark_cache_size=${32 << 20}`,
      `--index_mark_cache_size=${8 << 20}`,
      `--query_condition_cache_size=${8 << 20}`,
      "--uncompressed_cache_size=0",
      "--index_uncompressed_cache_size=0",
      "--compiled_expression_cache_size=0",
      "--mmap_cache_size=0",
    ]);
  } catch (error) {
    const holder = lockHolder(order.dataDir);
    if (holder === undefined) throw error;
    report({ type: "failed", code: "data-in-use", message: `${order.dataDir} is in use by process ${holder}` });
    process.exit(1);
  }
}

/** The process that holds the engine's own lock on the directory (a kernel lock on the file `status`, which names it). */
function lockHolder(dataDir: string): number | undefined {
  const status = join(dataDir, "status");
  if (!existsSync(status)) return undefined;
  const holder = Number(/PID: (\d+)/.exec(readFileSync(status, "utf8"))?.[1]);
  if (!(holder > 0) || holder === process.pid) return undefined;
  try {
    process.kill(holder, 0);
    return holder;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? holder : undefined;
  }
}

const parent = process.ppid;
process.on("disconnect", dieNow);
setInterval(() => {
  if (process.ppid !== parent) dieNow();
}, PARENT_WATCH_MS).unref();
// Ctrl+C reaches the whole process group; the parent says when to stop.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("message", (message) => {
  const order = message as HostOrder;
  const done = order.type === "start" ? start(order) : stop?.();
  done?.catch((error: unknown) => {
    report({ type: "failed", code: "engine-error", message: error instanceof Error ? error.message : String(error) });
  });
});
