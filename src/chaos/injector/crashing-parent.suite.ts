import { systemDisk } from "#runtime/disk-system.ts";
import type { Fault } from "../fault/fault.ts";
import { findProcess } from "../process/process-table.ts";
import { openFaultRecords } from "./fault-records.ts";
import { type InjectionStep, injectFault } from "./injection.ts";
import type { InjectorStep } from "./injector-message.ts";

/**
 * An experiment's process that kills itself at a step: `crashing-parent.suite.js ORDER`, an order as JSON. Prints the
 * injector's pid when that has stopped at its own step, and goes on when told `go`.
 */
interface CrashOrder {
  readonly fault: Fault;
  readonly recordsDirectory: string;
  readonly dieAt?: InjectionStep;
  readonly holdAt?: InjectorStep;
  /** Never remove it. */
  readonly idle?: boolean;
}

const order = JSON.parse(process.argv[2] ?? "{}") as CrashOrder;
const self = await findProcess({ pid: process.pid });
const records = await openFaultRecords(systemDisk, order.recordsDirectory);
const injection = await injectFault(
  { ...order.fault, owner: { pid: process.pid, started: self!.started } },
  {
    records,
    recordsDirectory: order.recordsDirectory,
    injectTimeoutMs: 60_000,
    removeTimeoutMs: 60_000,
    silenceMs: 1000,
    onStep: (step) => {
      if (step === order.dieAt) process.kill(process.pid, "SIGKILL");
    },
    ...(order.holdAt === undefined ? {} : { holdAt: order.holdAt }),
    onHeld: (pid) => process.stdout.write(`held ${pid}\n`),
  },
);
if (order.idle === true) await new Promise(() => undefined);
await injection.remove();
process.exit(0);
