import { describeError } from "#runtime/failure.ts";
import type { Fault } from "../fault/fault.ts";
import { findProcess } from "../process/process-table.ts";
import type { FaultRecords } from "./fault-records.ts";
import { removeFault } from "./removal.ts";

export interface Replayed {
  readonly undone: readonly Fault[];
  /** Left to a process that lives and has time left. */
  readonly underway: readonly Fault[];
  readonly failed: readonly { readonly fault: Fault; readonly why: string }[];
}

export interface ReplayOptions {
  readonly removeTimeoutMs: number;
  readonly nowMs: () => number;
  /** Undo also what belongs to an experiment that is running: it will see its faults gone and abort. */
  readonly force?: boolean;
}

/** After its deadline an injector gets so long to end its fault itself. */
const GRACE_MS = 5000;

/** Undoes every fault whose experiment is gone. Safe to repeat, and beside another replay. */
export async function replayUndo(records: FaultRecords, options: ReplayOptions): Promise<Replayed> {
  const undone: Fault[] = [];
  const underway: Fault[] = [];
  const failed: { fault: Fault; why: string }[] = [];
  for (const fault of await records.list()) {
    const isOwned = (await findProcess(fault.owner)) !== undefined && options.nowMs() < fault.deadlineMs + GRACE_MS;
    if (isOwned && options.force !== true) {
      underway.push(fault);
      continue;
    }
    try {
      await removeFault(fault, options.removeTimeoutMs);
      await records.close(fault.id);
      undone.push(fault);
    } catch (error) {
      failed.push({ fault, why: describeError(error) });
    }
  }
  return { undone, underway, failed };
}
