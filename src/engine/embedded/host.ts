/**
 * Entry of the child process that hosts chdb behind ClickHouse's HTTP interface on loopback. It dies with its parent: the
 * IPC channel closes when the parent is gone, however it went.
 */
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { loadChdb } from "./chdb-binding.ts";
import type { HostReport, HostStart } from "./host-message.ts";
import { createHttpInterface } from "./http-interface.ts";
import { runStatement } from "./statement.ts";

function report(message: HostReport): void {
  process.send?.(message);
}

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

async function start(message: HostStart): Promise<void> {
  mkdirSync(message.dataDir, { recursive: true });
  const chdb = loadChdb();
  const keeper = (() => {
    try {
      return chdb.CreateConnection(message.dataDir, [
        `--max_server_memory_usage=${message.memoryLimitBytes}`,
        `--mark_cache_size=${32 << 20}`,
        `--index_mark_cache_size=${8 << 20}`,
        "--uncompressed_cache_size=0",
        "--index_uncompressed_cache_size=0",
        "--compiled_expression_cache_size=0",
        "--mmap_cache_size=0",
      ]);
    } catch (error) {
      const holder = /PID: (\d+)/.exec(readFileSync(join(message.dataDir, "status"), "utf8"))?.[1];
      report({
        type: "failed",
        code: "data-in-use",
        message: `${message.dataDir} is in use by process ${holder ?? "?"}: ${String(error)}`,
      });
      return undefined;
    }
  })();
  if (keeper === undefined) return;
  const version = await chdb.QueryAsyncConnection(keeper, "SELECT version()", "TSVRaw");
  const server = createHttpInterface({
    user: message.user,
    password: message.password,
    maxQueryBytes: 16 << 20,
    run: (statement) => runStatement(chdb, message.dataDir, statement),
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  report({
    type: "ready",
    port: (server.address() as AddressInfo).port,
    version: Buffer.from(version.bytes).toString().trim(),
  });
}

process.once("message", (message) => {
  start(message as HostStart).catch((error: unknown) =>
    report({ type: "failed", code: "engine-error", message: String(error) }),
  );
});
