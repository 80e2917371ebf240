import { systemDisk } from "#runtime/disk-system.ts";
import { describeError } from "#runtime/failure.ts";
import { faultHandler } from "../fault/handlers.ts";
import { openFaultRecords } from "./fault-records.ts";
import type { InjectorOrder, InjectorReport, InjectorStep, RemovalReason } from "./injector-message.ts";
import { removeFault } from "./removal.ts";

/**
 * A process that injects one fault and takes it away again: when told to, at its deadline, when the heartbeat stops or the
 * experiment's process is gone, at a signal, and when its undo record has been closed by somebody else. It runs in a session
 * of its own, so that what ends the experiment (Ctrl-C, a closed terminal) does not end it.
 */
const RENEW_MS = 1000;

type InjectOrder = Extract<InjectorOrder, { type: "inject" }>;

const over = new AbortController();
let reason: RemovalReason | undefined;
let lastBeatMs = performance.now();
let isStarted = false;

function stop(why: RemovalReason): void {
  reason ??= why;
  over.abort();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop("signal"));
process.on("disconnect", () => stop("disconnected"));
process.on("message", (message) => {
  const order = message as InjectorOrder;
  lastBeatMs = performance.now();
  if (order.type === "remove") stop("told");
  if (order.type !== "inject" || isStarted) return;
  isStarted = true;
  run(order).then(
    () => process.exit(0),
    (error: unknown) => report({ type: "failed", message: describeError(error) }, () => process.exit(1)),
  );
});

async function run(order: InjectOrder): Promise<void> {
  const { fault } = order;
  const handler = await faultHandler(fault.spec.type);
  const records = await openFaultRecords(systemDisk, order.recordsDirectory);
  const step = async (name: InjectorStep): Promise<void> => {
    if (order.holdAt === name) await hold(name);
  };
  const watch = setInterval(
    () => {
      if (Date.now() >= fault.deadlineMs) stop("deadline");
      else if (performance.now() - lastBeatMs > order.silenceMs) stop("silence");
    },
    Math.min(250, order.silenceMs / 4),
  );
  await step("start");
  // A replay that ran before us has closed the record: the fault must not come after its undo.
  if ((await records.read(fault.id)) === undefined) stop("record-gone");
  let refusal: unknown;
  if (!over.signal.aborted) {
    await step("before-inject");
    try {
      await handler.inject(fault, over.signal);
      await step("after-inject");
      report({ type: "injected" });
    } catch (error) {
      refusal = error;
      stop("refused");
    }
  }
  while (!over.signal.aborted) {
    await pause(RENEW_MS);
    if (over.signal.aborted) break;
    try {
      await handler.renew?.(fault);
    } catch (error) {
      // The next renewal may work; if none does, the fault ends by its own time to live, which is the safe side.
      process.stderr.write(`chaos: could not renew ${fault.name}: ${describeError(error)}\n`);
    }
    if ((await records.read(fault.id)) === undefined) stop("record-gone");
  }
  await step("before-remove");
  await removeFault(fault, order.removeTimeoutMs);
  await step("after-remove");
  await records.close(fault.id);
  clearInterval(watch);
  await step("end");
  if (refusal !== undefined) throw refusal;
  await new Promise<void>((resolve) => report({ type: "removed", why: reason ?? "told" }, resolve));
}

/** Waits, but no longer than until the end. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      over.signal.removeEventListener("abort", done);
      resolve();
    }
    over.signal.addEventListener("abort", done, { once: true });
  });
}

function hold(step: InjectorStep): Promise<never> {
  report({ type: "held", step });
  return new Promise(() => setInterval(() => undefined, 1 << 30));
}

/** The experiment may be gone: then nobody needs to know. */
function report(message: InjectorReport, done: () => void = () => undefined): void {
  if (!process.connected) done();
  else process.send?.(message, () => done());
}
