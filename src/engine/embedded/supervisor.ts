import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describeError, Failure } from "#runtime/failure.ts";
import type { Readiness } from "../readiness.ts";
import type { EngineConfig } from "./config-file.ts";
import type { HostOrder, HostReport } from "./host-message.ts";
import { memoryOf } from "./resident-memory.ts";

/**
 * Keeps one child process running.
 *
 *   starting ──ready──► accepting ──onUp done──► ready ──exit, hang, too much memory──► restarting ──► accepting …
 *       └──cannot──► failed (open throws)                                                 │ close
 *                                                                                         ▼
 *                                                                                       closed
 * `accepting`: the child answers, and only what `onUp` does with it goes through. An end nobody asked for is a restart: at
 * once after a good while, else after a pause that doubles (crash loops must not eat the machine).
 */
export interface SupervisorOptions {
  readonly readiness: Readiness;
  readonly hostScript: string;
  /** The engine's own directory. */
  readonly dataDir: string;
  /** Where a folder for the child's configuration is made. */
  readonly runRoot: string;
  readonly memoryLimitBytes: number;
  /** Memory of its own, mapped files not counted, at which the child is ended. */
  readonly ownMemoryLimitBytes: number;
  readonly killGraceMs: number;
  readonly startTimeoutMs: number;
  readonly config: EngineConfig;
  /** Runs when a child accepts statements, before it is `ready`. An error ends that child. */
  readonly onUp: (address: HostAddress) => Promise<void>;
  readonly onDown: () => void;
  /**
   * Answers within the timeout or the child is taken to hang: how many bytes the engine counts as its own beside what
   * statements and merges hold now.
   */
  readonly probe: (timeoutMs: number) => Promise<number>;
  readonly watch?: WatchOptions;
  /** How long to wait for another process to let go of the directory. */
  readonly lockWaitMs?: number;
}

/** How the child is watched from outside. */
export interface WatchOptions {
  /** Between two looks at its memory; default 1 s. */
  readonly everyMs?: number;
  /** Looks between two questions whether it answers; default 10. */
  readonly probeEvery?: number;
  readonly probeTimeoutMs?: number;
}

export interface HostAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly version: string;
}

const WATCH_DEFAULTS = { everyMs: 1_000, probeEvery: 10, probeTimeoutMs: 10_000 };
const PROBES_LOST = 3;
/** So much more memory than the process has the engine may count as held, as a share of its limit. */
const MISCOUNT_SHARE = 0.25;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
/** A child that lived so long starts the pauses anew. */
const GOOD_WHILE_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** The engine of a parent that was killed needs a moment to die after it. */
const DEFAULT_LOCK_WAIT_MS = 5_000;
const STDERR_KEPT = 4_000;

/** How many questions in a row went unanswered, or were answered with more memory than there is. */
interface Probes {
  readonly lost: number;
  readonly miscounted: number;
}

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #readiness: Readiness;
  #child: ChildProcess | undefined;
  #runDir: string | undefined;
  /** Why the child is about to end, where we know better than its exit code. */
  #reason: string | undefined;
  #resident: number | undefined;
  #pauseMs = 0;
  #startedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#readiness = options.readiness;
  }

  get residentBytes(): number | undefined {
    return this.#resident;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  /** The first start. Throws what keeps it from starting. */
  async start(): Promise<void> {
    const giveUpMs = performance.now() + (this.#options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS);
    for (;;) {
      try {
        await this.#startChild();
        return;
      } catch (error) {
        const held = error instanceof Failure && error.code === "data-in-use";
        if (held && performance.now() < giveUpMs) {
          await pause(100);
          continue;
        }
        this.#readiness.lastFailure = describeError(error);
        this.#readiness.set("failed");
        throw error;
      }
    }
  }

  /** Ends the child, to be started again; `reason` becomes the last failure. */
  restart(reason: string): void {
    this.#reason = reason;
    this.#child?.kill("SIGKILL");
  }

  async #startChild(): Promise<void> {
    const { hostScript, dataDir, runRoot, memoryLimitBytes, killGraceMs, config } = this.#options;
    mkdirSync(runRoot, { recursive: true, mode: 0o700 });
    const runDir = mkdtempSync(join(runRoot, "run-"));
    const password = randomBytes(32).toString("base64url");
    const child = spawn(process.execPath, [hostScript], {
      // Native queries occupy a thread of libuv's pool each; the default of 4 lets slow reads block everything.
      env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    this.#runDir = runDir;
    this.#startedMs = performance.now();
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT);
    });
    let up = false;
    child.on("message", (message) => {
      const report = message as HostReport;
      if (report.type === "stuck") this.#reason = `a query outlived its kill: ${report.sql}`;
    });
    child.once("exit", (code, signal) => {
      this.#resident = undefined;
      rmSync(runDir, { recursive: true, force: true });
      if (up) this.#onExit(child, `${signal ?? `exit ${code}`}${stderr === "" ? "" : `: ${stderr.trim()}`}`);
    });
    try {
      const ready = await this.#handshake(
        child,
        {
          type: "start",
          port: 0,
          dataDir,
          configDir: runDir,
          user: "traceo",
          password,
          memoryLimitBytes,
          killGraceMs,
          config,
        },
        () => stderr,
      );
      this.#removeOldRuns(runDir);
      await this.#options.onUp({
        url: `http://127.0.0.1:${ready.port}`,
        user: "traceo",
        password,
        version: ready.version,
      });
      if (this.#child !== child || child.exitCode !== null || child.signalCode !== null || this.#isClosed())
        throw new Failure("engine-unavailable", "the engine stopped while it was starting");
    } catch (error) {
      this.#options.onDown();
      child.kill("SIGKILL");
      throw error;
    }
    up = true;
    this.#watch(child, 1, { lost: 0, miscounted: 0 });
    this.#readiness.set("ready");
  }

  #isClosed(): boolean {
    return this.#readiness.state === "closed";
  }

  async #handshake(
    child: ChildProcess,
    order: HostOrder,
    stderr: () => string,
  ): Promise<Extract<HostReport, { type: "ready" }>> {
    child.send(order);
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Failure("engine-error", `the engine did not start within ${this.#options.startTimeoutMs} ms`)),
        this.#options.startTimeoutMs,
      );
      const settle = (error: unknown, report?: Extract<HostReport, { type: "ready" }>): void => {
        clearTimeout(timer);
        if (report === undefined) reject(error);
        else resolve(report);
      };
      child.once("error", (error) => settle(new Failure("engine-error", describeError(error), { cause: error })));
      child.once("exit", (code, signal) =>
        settle(
          new Failure("engine-error", `the engine ended at start (${signal ?? `exit ${code}`}) ${stderr().trim()}`),
        ),
      );
      child.on("message", (message) => {
        const report = message as HostReport;
        if (report.type === "ready") settle(undefined, report);
        else if (report.type === "failed") settle(new Failure(report.code, report.message));
      });
    });
  }

  /** Folders that dead children left; ours is the directory's lock now, so nobody else uses them. */
  #removeOldRuns(own: string): void {
    for (const name of readdirSync(this.#options.runRoot)) {
      const path = join(this.#options.runRoot, name);
      if (name.startsWith("run-") && path !== own) rmSync(path, { recursive: true, force: true });
    }
  }

  #onExit(child: ChildProcess, how: string): void {
    if (this.#child !== child || this.#isClosed()) return;
    this.#options.onDown();
    this.#readiness.lastFailure = this.#reason === undefined ? how : `${this.#reason} (${how})`;
    this.#reason = undefined;
    this.#restartLater();
  }

  #restartLater(): void {
    clearTimeout(this.#timer);
    this.#readiness.set("restarting");
    this.#readiness.restarts++;
    const lived = performance.now() - this.#startedMs;
    const pauseMs = lived > GOOD_WHILE_MS ? 0 : this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pauseMs * 2));
    this.#timer = setTimeout(() => {
      this.#startChild().catch((error: unknown) => {
        if (this.#isClosed()) return;
        this.#readiness.lastFailure = describeError(error);
        this.#restartLater();
      });
    }, pauseMs);
  }

  /** Looks once a second from outside: how much memory, and now and then whether it still answers. */
  #watch(child: ChildProcess, round: number, probes: Probes): void {
    this.#timer = setTimeout(() => {
      this.#look(child, round, probes).catch((error: unknown) => this.restart(describeError(error)));
    }, this.#options.watch?.everyMs ?? WATCH_DEFAULTS.everyMs);
    this.#timer.unref();
  }

  async #look(child: ChildProcess, round: number, probes: Probes): Promise<void> {
    const { ownMemoryLimitBytes, memoryLimitBytes, probe, watch } = this.#options;
    const { probeEvery, probeTimeoutMs } = { ...WATCH_DEFAULTS, ...watch };
    const memory = await memoryOf(child.pid!);
    if (this.#child !== child || this.#readiness.state !== "ready") return;
    this.#resident = memory?.residentBytes;
    if (memory !== undefined && memory.ownBytes > ownMemoryLimitBytes) {
      this.restart(`the engine used ${memory.ownBytes} bytes of memory, over ${ownMemoryLimitBytes}`);
      return;
    }
    let now = probes;
    if (round % probeEvery === 0) {
      const countedBytes = await probe(probeTimeoutMs).catch(() => undefined);
      if (this.#child !== child || this.#readiness.state !== "ready") return;
      // What it counts it allows nobody else: memory freed past its count is gone for it until it starts again.
      const isMiscounted =
        countedBytes !== undefined &&
        memory !== undefined &&
        countedBytes > memory.ownBytes + memoryLimitBytes * MISCOUNT_SHARE;
      now = {
        lost: countedBytes === undefined ? probes.lost + 1 : 0,
        miscounted: isMiscounted ? probes.miscounted + 1 : 0,
      };
      if (now.lost >= PROBES_LOST) {
        this.restart("the engine does not answer");
        return;
      }
      if (now.miscounted >= PROBES_LOST) {
        this.restart(`the engine counted ${countedBytes} bytes of memory as held and had ${memory?.ownBytes}`);
        return;
      }
    }
    this.#watch(child, round + 1, now);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed()) return;
    this.#readiness.set("closed");
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      child.send({ type: "stop" } satisfies HostOrder, (error) => {
        if (error !== null) child.kill("SIGKILL");
      });
      await gone;
      clearTimeout(timer);
    }
    if (this.#runDir !== undefined) rmSync(this.#runDir, { recursive: true, force: true });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
