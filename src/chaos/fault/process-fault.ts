import { Failure } from "#runtime/failure.ts";
import { findProcess, type ProcessEntry, type ProcessIdentity } from "../process/process-table.ts";
import type { Fault, FaultHandler, KillFault, PauseFault } from "./fault.ts";

/** SIGSTOP; undone by SIGCONT. */
export const pauseFault: FaultHandler = {
  inject: async (fault) => await signalAll((fault.spec as PauseFault).processes, "SIGSTOP"),
  remove: async (fault) => await signalAll((fault.spec as PauseFault).processes, "SIGCONT"),
  isInjected: async (fault) => {
    const found = await findAll(fault);
    return found.length > 0 && found.every(({ isStopped }) => isStopped);
  },
  isRemoved: async (fault) => (await findAll(fault)).every(({ isStopped }) => !isStopped),
};

export const killFault: FaultHandler = {
  inject: async (fault) => {
    const { processes, signal } = fault.spec as KillFault;
    await signalAll(processes, signal);
  },
  // Nothing of ours remains; that the target comes back is for the steady state to see.
  remove: async () => undefined,
  isInjected: async (fault) => (await findAll(fault)).length === 0,
  isRemoved: async () => true,
};

async function findAll(fault: Fault): Promise<readonly ProcessEntry[]> {
  const { processes } = fault.spec as PauseFault | KillFault;
  const found = await Promise.all(processes.map(findProcess));
  return found.filter((entry) => entry !== undefined);
}

/** Whoever ended since, or whose pid belongs to somebody else by now, is left alone. */
async function signalAll(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const identity of processes) {
    if ((await findProcess(identity)) === undefined) continue;
    try {
      process.kill(identity.pid, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ESRCH") continue;
      throw new Failure("forbidden", `${signal} to process ${identity.pid} (${identity.command}): ${code}`, {
        cause: error,
        remedy: "Run as the user who owns the process.",
      });
    }
  }
}
