import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Failure } from "#runtime/failure.ts";
import type { Fault } from "../fault/fault.ts";
import { faultHandler } from "../fault/handlers.ts";
import type { FaultRecords } from "./fault-records.ts";
import type { InjectorOrder, InjectorReport, InjectorStep } from "./injector-message.ts";
import { removeFault } from "./removal.ts";

const BEAT_MS = 500;
const LOOK_AGAIN_MS = 50;

export interface InjectionOptions {
  readonly records: FaultRecords;
  readonly recordsDirectory: string;
  /** The fault must be seen within this. */
  readonly injectTimeoutMs: number;
  readonly removeTimeoutMs: number;
  /** The injector ends the fault when nothing is heard from this process for so long. */
  readonly silenceMs?: number;
  /** The built injector-worker; tests compile their own. */
  readonly workerScript?: string;
  /** For tests: where the injector stops for good. */
  readonly holdAt?: InjectorStep;
  /** For tests: told when it has. */
  readonly onHeld?: (injectorPid: number) => void;
  /** For tests: told each step of this process. */
  readonly onStep?: (step: InjectionStep) => void | Promise<void>;
}

/** What this process does, in order. */
export const INJECTION_STEPS = ["record", "recorded", "started", "injected", "remove", "removed", "closed"] as const;
export type InjectionStep = (typeof INJECTION_STEPS)[number];

/** A fault that is there. */
export interface Injection {
  readonly fault: Fault;
  readonly injectorPid: number;
  /** Resolves with why, when the fault ended without `remove`: its deadline passed, or the injector died. */
  readonly endedEarly: Promise<string>;
  /** Takes it away and looks that it is gone. Throws "unavailable" when it is not; its record stays open then. */
  remove(): Promise<void>;
}

/**
 * Injects a fault through a child process, having written its undo record. Resolves when a probe has seen the fault. Throws,
 * with the fault removed again, when the injector refused it or it was not seen in time.
 */
export async function injectFault(fault: Fault, options: InjectionOptions): Promise<Injection> {
  const step = options.onStep ?? (() => undefined);
  await step("record");
  await options.records.write(fault);
  await step("recorded");
  const injector = startInjector(fault, options);
  await step("started");
  let isRemoving = false;
  const remove = async (): Promise<void> => {
    isRemoving = true;
    await step("remove");
    injector.send({ type: "remove" });
    await injector.ended(options.removeTimeoutMs);
    // Whatever it said and however it ended: we look ourselves, and remove what is still there.
    await removeFault(fault, options.removeTimeoutMs);
    await step("removed");
    await options.records.close(fault.id);
    await step("closed");
  };
  try {
    await seen(fault, injector, options.injectTimeoutMs);
  } catch (error) {
    await remove();
    throw error;
  }
  await step("injected");
  return {
    fault,
    injectorPid: injector.pid,
    endedEarly: new Promise((resolve) => {
      void injector.whenEnded.then((how) => {
        if (!isRemoving) resolve(how);
      });
    }),
    remove,
  };
}

interface Injector {
  readonly pid: number;
  /** Resolves when it said that it has injected; rejects with what it said instead. */
  readonly whenInjected: Promise<void>;
  readonly whenEnded: Promise<string>;
  send(order: InjectorOrder): void;
  /** Resolves at its end, which is forced after `timeoutMs`. */
  ended(timeoutMs: number): Promise<void>;
}

function startInjector(fault: Fault, options: InjectionOptions): Injector {
  const script =
    options.workerScript ??
    fileURLToPath(new URL("./injector-worker.ts", import.meta.url).href.replace(/\.ts$/, ".js"));
  const child: ChildProcess = fork(script, [`traceo-chaos-injector=${fault.id}`], {
    detached: true,
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let last = "";
  const whenInjected = new Promise<void>((resolve, reject) => {
    child.on("message", (message) => {
      const report = message as InjectorReport;
      if (report.type === "injected") resolve();
      else if (report.type === "held") options.onHeld?.(child.pid!);
      else if (report.type === "removed") last = report.why;
      else if (report.type === "failed") {
        last = report.message;
        reject(new Failure("bad-request", `${fault.name}: ${report.message}`, { remedy: "See the message." }));
      }
    });
    child.once("exit", (code, signal) =>
      reject(
        new Failure(
          "unavailable",
          `${fault.name}: the injector ended with ${signal ?? code}${last === "" ? "" : `: ${last}`}`,
        ),
      ),
    );
    child.once("error", reject);
  });
  // Whoever waits for it hears of it; nobody may.
  whenInjected.catch(() => undefined);
  const send = (order: InjectorOrder): void => {
    // It may end at any moment; that is seen at its exit.
    if (child.connected) child.send(order, () => undefined);
  };
  const beat = setInterval(() => send({ type: "beat" }), BEAT_MS);
  const whenEnded = new Promise<string>((resolve) => {
    const end = (how: string): void => {
      clearInterval(beat);
      resolve(how);
    };
    child.once("exit", (code, signal) => end(last === "" ? `the injector ended with ${signal ?? code}` : last));
    child.once("error", (error) => end(error.message));
  });
  send({
    type: "inject",
    fault,
    recordsDirectory: options.recordsDirectory,
    silenceMs: options.silenceMs ?? 5000,
    removeTimeoutMs: options.removeTimeoutMs,
    ...(options.holdAt === undefined ? {} : { holdAt: options.holdAt }),
  });
  return {
    pid: child.pid ?? -1,
    whenInjected,
    whenEnded,
    send,
    ended: async (timeoutMs) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
      await whenEnded;
      clearTimeout(timer);
    },
  };
}

async function seen(fault: Fault, injector: Injector, timeoutMs: number): Promise<void> {
  const handler = await faultHandler(fault.spec.type);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure("unavailable", `${fault.name}: was not seen at its target within ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  late.catch(() => undefined);
  try {
    await Promise.race([injector.whenInjected, late]);
    while (!(await Promise.race([handler.isInjected(fault), late])))
      await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS)), late]);
  } finally {
    clearTimeout(timer);
  }
}
