import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { choosePostgresUser, findPostgres, placePostgres, type RunAs } from "./postgres-binaries.ts";

export interface PostgresServer {
  readonly port: number;
  readonly pid: number;
  readonly superuserPassword: string;
  /** Resolves when the server process is gone, however it went. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresServerOptions {
  readonly dataDir: string;
  /** 0: a free one. */
  readonly port: number;
  readonly onOutput: (chunk: string) => void;
}

const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;

/** Small, logical replication on, and talkative about what makes it slow. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  wal_level: "logical",
  max_connections: "60",
  max_wal_senders: "4",
  max_replication_slots: "4",
  shared_buffers: "24MB",
  max_wal_size: "160MB",
  io_method: "sync",
  jit: "off",
  max_parallel_workers_per_gather: "0",
  max_logical_replication_workers: "0",
  synchronous_commit: "off",
  autovacuum_naptime: "30s",
  deadlock_timeout: "400ms",
  log_lock_waits: "on",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] %q%a ",
  log_autovacuum_min_duration: "500ms",
  shared_preload_libraries: "auto_explain",
  "auto_explain.log_min_duration": "200ms",
  "auto_explain.log_parameter_max_length": "0",
};

/** Starts PostgreSQL on `dataDir`, creating the cluster at the first start. */
export async function openPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const user = choosePostgresUser();
  const { folder, binaries } = placePostgres(options.dataDir, await findPostgres(), user);
  const secret = join(options.dataDir, "postgres-password");
  if (!existsSync(folder)) await createCluster(folder, binaries.initdb, secret, user);
  const superuserPassword = readFileSync(secret, "utf8");
  await stopLeftover(folder);

  const port = options.port === 0 ? await freePort() : options.port;
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(binaries.postgres, ["-D", folder, "-p", String(port), ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
    ...(user ?? {}),
  });
  const exited = new Promise<void>((resolve) => {
    server.once("exit", () => resolve());
    server.once("error", () => resolve());
  });
  const guard = openGuard(server.pid!, user);
  await untilReady(server, options.onOutput);
  return {
    port,
    pid: server.pid!,
    superuserPassword,
    exited,
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return;
      // SIGINT is PostgreSQL's fast shutdown; SIGQUIT leaves at once and recovers at the next start.
      server.kill("SIGINT");
      const timer = setTimeout(() => server.kill("SIGQUIT"), STOP_DEADLINE_MS);
      await exited;
      clearTimeout(timer);
      guard?.kill();
    },
  };
}

/**
 * PostgreSQL outlives whoever started it. The guard is a shell that waits for our end of a pipe to close, which it does even
 * when we are killed outright, and then shuts that one server down.
 */
function openGuard(pid: number, user: RunAs | null): ChildProcess | null {
  if (process.platform === "win32") return null;
  const guard = spawn("sh", ["-c", 'read -r _; kill -INT "$0"', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    ...(user ?? {}),
  });
  // Without a shell there is no guard; the next start then ends what was left.
  guard.on("error", () => undefined);
  guard.stdin.on("error", () => undefined);
  guard.unref();
  return guard;
}

async function createCluster(folder: string, initdb: string, secret: string, user: RunAs | null): Promise<void> {
  // Made beside its final name, so that a start that died half-way is begun again.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const password = randomBytes(18).toString("base64url");
  const passwordFile = join(unfinished, "..", "postgres-password.new");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  writeFileSync(secret, password, { mode: 0o600 });
  if (user !== null) for (const path of [unfinished, passwordFile]) chownSync(path, user.uid, user.gid);
  const output: string[] = [];
  try {
    const child = spawn(
      initdb,
      [
        "-D",
        unfinished,
        "--auth=scram-sha-256",
        "--username=postgres",
        `--pwfile=${passwordFile}`,
        "--no-sync",
        "--locale=C",
        "--encoding=UTF8",
      ],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, LC_ALL: "C" }, ...(user ?? {}) },
    );
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString("utf8")));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`initdb failed: ${output.join("").trim()}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(unfinished, folder);
}

/** A supervisor killed outright leaves its PostgreSQL behind: end that one, known by the pid file of our own folder. */
async function stopLeftover(folder: string): Promise<void> {
  const file = join(folder, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8").split("\n", 1)[0]);
  if (!isPostgresOf(pid, folder)) return;
  process.kill(pid, "SIGINT");
  const deadline = Date.now() + STOP_DEADLINE_MS;
  while (isPostgresOf(pid, folder)) {
    if (Date.now() > deadline) throw new Error(`another PostgreSQL (pid ${pid}) still uses ${folder}`);
    await delay(50);
  }
}

function isPostgresOf(pid: number, folder: string): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  if (existsSync("/proc/self")) return existsSync(commandLine) && readFileSync(commandLine, "utf8").includes(folder);
  // Without /proc the pid alone proves nothing; PostgreSQL itself refuses to start twice on a folder.
  return false;
}

async function untilReady(server: ChildProcess, onOutput: (chunk: string) => void): Promise<void> {
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not become ready: ${said}`)), READY_DEADLINE_MS);
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`PostgreSQL stopped at its start: ${said}`)));
    server.stderr?.setEncoding("utf8");
    server.stderr?.on("data", (chunk: string) => {
      onOutput(chunk);
      if (said.length < 8_192) said += chunk;
      if (!said.includes("ready to accept connections")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A port nobody listens on. Should another program take it before PostgreSQL does, its start fails and says so. */
async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  if (address === null || typeof address === "string") throw new Error("no free port");
  await new Promise((resolve) => probe.close(resolve));
  return address.port;
}
