import { describeError } from "#runtime/failure.ts";
import type { Fault } from "../fault/fault.ts";
import { findProcess } from "../process/process-table.ts";
import type { FaultRecords } from "./fault-records.ts";
import { removeFault } from "./removal.ts";

export interface Replayed {
  readonly undone: readonly Fault[];
  /** Left to a process that lives and has time left. */
  readonly underway: readonly Fault[];
  readonly failed: readonly { readonly id: string; readonly why: string }[];
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
  const failed: { id: string; why: string }[] = [];
  for (const id of await records.ids()) {
    try {
      const fault = await records.read(id);
      if (fault === undefined) continue;
      const isOwned = (await findProcess(fault.owner)) !== undefined && options.nowMs() < fault.deadlineMs + GRACE_MS;
      if (isOwned && options.force !== true) {
        underway.push(fault);
        continue;
      }
      await removeFault(fault, options.removeTimeoutMs);
      await records.close(id);
      undone.push(fault);
    } catch (error) {
      // The others are undone all the same.
      failed.push({ id, why: describeError(error) });
    }
  }
  return { undone, underway, failed };
}
