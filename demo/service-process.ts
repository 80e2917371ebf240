import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command, FromShop, ToShop } from "./channel.ts";
import type { DatabaseAddress, Directory, ServiceName } from "./directory.ts";

/** What one process runs, and with how much. */
export interface ProcessPlan {
  readonly service: ServiceName;
  readonly version: string;
  /** The limit of its JavaScript heap, in MB. */
  readonly heapMb: number;
  /** 0: a free port. After a restart the process gets the port it had. */
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Ready {
  readonly port: number;
  readonly database: DatabaseAddress | null;
}

export interface ServiceProcess {
  readonly plan: ProcessPlan;
  /** Where it listens; null while it is down. */
  readonly state: Ready | null;
  /** Where it listens or will again: a load balancer takes a while to see that a process is gone. Null before its first start. */
  readonly address: Ready | null;
  readonly pid: number | null;
  readonly restarts: number;
  send(directory: Directory): void;
  /**
   * Resolves when the process says that the command's effect is in place. One that is down, or goes down meanwhile, is told
   * when it is up again. Rejects when it cannot, or has not within half a minute.
   */
  command(command: Command): Promise<void>;
  /** Asks it to stop, and ends it by its pid when it does not. */
  stop(): Promise<void>;
}

export interface ServiceProcessOptions {
  readonly onReady: (process: ServiceProcess) => void;
  readonly log: (line: string) => void;
}

/** A command that was not answered yet. */
interface Waiting {
  readonly command: Command;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const STOP_DEADLINE_MS = 6_000;
const COMMAND_DEADLINE_MS = 30_000;
const FIRST_RESTART_MS = 300;
const MAX_RESTART_MS = 10_000;
const HEALTHY_AFTER_MS = 20_000;

/**
 * Starts a service and keeps it running: a process that leaves is started again, later each time it leaves at once.
 * Rejects when it leaves before it ever was ready, with what it said last.
 */
export async function openServiceProcess(plan: ProcessPlan, options: ServiceProcessOptions): Promise<ServiceProcess> {
  let child: ChildProcess | null = null;
  let state: Ready | null = null;
  let address: Ready | null = null;
  let port = plan.port;
  let restarts = 0;
  let restartMs = FIRST_RESTART_MS;
  let restartTimer: NodeJS.Timeout | null = null;
  let stopping = false;
  let nextId = 1;
  const waiting = new Map<number, Waiting>();
  const name = `${plan.service} ${plan.version}`;

  const tell = (message: FromShop): void => {
    if (child?.connected === true) child.send(message);
  };

  const start = (onFirst: (error: Error | null) => void): void => {
    const started = Date.now();
    let lastWords = "";
    const running = fork(fileURLToPath(new URL(`./${plan.service}.js`, import.meta.url)), [], {
      // Own process group: Ctrl-C reaches the supervisor alone, which then stops everything in order.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [`--max-old-space-size=${plan.heapMb}`, "--max-semi-space-size=1", "--optimize-for-size"],
      env: {
        ...process.env,
        // A dozen small processes: one malloc arena each instead of one per thread.
        MALLOC_ARENA_MAX: "1",
        UV_THREADPOOL_SIZE: "1",
        ...plan.environment,
        SHOP_SERVICE: plan.service,
        SHOP_VERSION: plan.version,
        SHOP_PORT: String(port),
      },
    });
    child = running;
    running.stderr?.setEncoding("utf8");
    running.stderr?.on("data", (chunk: string) => {
      lastWords = (lastWords + chunk).slice(-2_000);
      for (const line of chunk.split("\n")) if (line.trim() !== "") options.log(`${name}: ${line}`);
    });
    running.on("message", (message: ToShop) => {
      if (message.kind === "ready") {
        port = message.port;
        state = { port: message.port, database: message.database ?? null };
        address = state;
        onFirst(null);
        options.onReady(self);
        for (const [id, { command }] of waiting) tell({ kind: "command", id, command });
        return;
      }
      const waiter = waiting.get(message.id);
      if (message.error === undefined) waiter?.resolve();
      else waiter?.reject(new Error(`${name}: ${message.error}`));
    });
    running.on("error", (error) => options.log(`${name}: ${error.message}`));
    running.once("exit", (code, signal) => {
      const wasReady = state !== null;
      state = null;
      child = null;
      if (stopping) return;
      onFirst(new Error(`${name} left with ${signal ?? code}: ${lastWords.trim()}`));
      if (!wasReady && restarts === 0) return;
      restarts++;
      restartMs = Date.now() - started > HEALTHY_AFTER_MS ? FIRST_RESTART_MS : Math.min(restartMs * 2, MAX_RESTART_MS);
      options.log(`${name} left with ${signal ?? code}; starting it again in ${restartMs} ms`);
      restartTimer = setTimeout(() => start(() => undefined), restartMs);
    });
  };

  const self: ServiceProcess = {
    plan,
    get state() {
      return state;
    },
    get address() {
      return address;
    },
    get pid() {
      return child?.pid ?? null;
    },
    get restarts() {
      return restarts;
    },
    send: (directory) => tell({ kind: "directory", directory }),
    command(command) {
      const id = nextId++;
      return new Promise<void>((resolve, reject) => {
        const settle = (finish: () => void): void => {
          clearTimeout(timer);
          waiting.delete(id);
          finish();
        };
        const timer = setTimeout(
          () => settle(() => reject(new Error(`${name} did not obey within ${COMMAND_DEADLINE_MS} ms`))),
          COMMAND_DEADLINE_MS,
        );
        waiting.set(id, {
          command,
          resolve: () => settle(resolve),
          reject: (error) => settle(() => reject(error)),
        });
        if (state !== null) tell({ kind: "command", id, command });
      });
    },
    async stop() {
      stopping = true;
      for (const waiter of waiting.values()) waiter.reject(new Error(`${name} is stopping`));
      if (restartTimer !== null) clearTimeout(restartTimer);
      const running = child;
      if (running === null) return;
      const gone = once(running, "exit");
      tell({ kind: "stop" });
      const timer = setTimeout(() => running.kill("SIGKILL"), STOP_DEADLINE_MS);
      await gone;
      clearTimeout(timer);
    },
  };
  await new Promise<void>((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
  return self;
}
