import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../../dist/main.js");

export interface TestServer {
  readonly url: string;
  readonly otlpHttp: string;
  readonly otlpGrpc: string;
  readonly dataDir: string;
  readonly processId: number;
  /** All that the program has written to both outputs. */
  output(): string;
  /** SIGTERM, then waits; answers the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL of the program (its children notice by themselves), then waits. */
  kill(): Promise<void>;
  /** Runs one statement through POST /api/sql and answers its rows. */
  sql<Row = Record<string, unknown>>(statement: string, tenant?: string): Promise<Row[]>;
}

export interface ServerOptions {
  readonly dataDir?: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts the built program on free ports and a temporary folder, and waits until it says that it is ready. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  if (!existsSync(MAIN)) throw new Error("dist/main.js is missing: run `npm run build` first.");
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "traceo-e2e-"));
  const [ui, http, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
  const child = spawn(
    process.execPath,
    [
      MAIN,
      "serve",
      "--data",
      dataDir,
      "--listen",
      `127.0.0.1:${ui}`,
      "--otlp-http",
      `127.0.0.1:${http}`,
      "--otlp-grpc",
      `127.0.0.1:${grpc}`,
      ...(options.flags ?? []),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.environment } },
  );
  let output = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
      if (/^traceo ready/m.test(output)) resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void exited.then((code) => reject(new Error(`traceo exited with ${code} before it was ready:\n${output}`)));
  });
  const url = `http://127.0.0.1:${ui}`;
  return {
    url,
    otlpHttp: `http://127.0.0.1:${http}`,
    otlpGrpc: `http://127.0.0.1:${grpc}`,
    dataDir,
    processId: child.pid!,
    output: () => output,
    stop: async () => {
      child.kill("SIGTERM");
      return exited;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    sql: async (statement, tenant = "default") => {
      const response = await fetch(`${url}/api/sql?format=JSONEachRow`, {
        method: "POST",
        body: statement,
        headers: { "x-scope-orgid": tenant },
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status}: ${text}`);
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    },
  };
}

/** Removes a server's data; call it after `stop` or `kill`. */
export function removeData(server: Pick<TestServer, "dataDir">): void {
  rmSync(server.dataDir, { recursive: true, force: true });
}

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** Polls until `read` answers something truthy; the last answer or error is in the message when the time is up. */
export async function eventually<T>(read: () => Promise<T | undefined | false>, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await read();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms; last: ${last instanceof Error ? last.stack : String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function isAlive(process_: ChildProcess | number): boolean {
  try {
    process.kill(typeof process_ === "number" ? process_ : process_.pid!, 0);
    return true;
  } catch {
    return false;
  }
}
