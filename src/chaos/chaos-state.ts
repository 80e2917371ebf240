import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemDisk } from "#runtime/disk-system.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import { type FaultRecords, openFaultRecords } from "./injector/fault-records.ts";
import { type Replayed, replayUndo } from "./injector/replay.ts";
import type { Journal } from "./journal.ts";

/**
 * What experiments keep on disk, below one folder:
 *
 *   faults/     undo records, one for each fault that may be there
 *   leases/     one folder for each target under experiment, locked by its process
 *   journals/   what every experiment did and saw
 */
export interface ChaosState {
  readonly records: FaultRecords;
  readonly recordsDirectory: string;
  /** Takes a target for this process. Throws "conflict" while another experiment has it. */
  lease(target: string, holder: string): Promise<AsyncDisposable>;
  /** Targets under experiment, and by which. */
  leases(): Promise<readonly { readonly target: string; readonly holder: string }[]>;
  /** Undoes what experiments that are gone have left. */
  undo(options: { readonly removeTimeoutMs: number; readonly force?: boolean }): Promise<Replayed>;
  /** Answers the file. */
  keepJournal(journal: Journal): Promise<string>;
  /** Newest first, at most `limit`. */
  journals(limit: number): Promise<readonly Journal[]>;
}

const MOST_JOURNALS = 500;

export async function openChaosState(directory: string): Promise<ChaosState> {
  const folder = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await systemDisk.makeDirectory(path);
    return path;
  };
  const recordsDirectory = await folder("faults");
  const leasesDirectory = await folder("leases");
  const journalsDirectory = await folder("journals");
  const records = await openFaultRecords(systemDisk, recordsDirectory);
  const journalNames = async (): Promise<readonly string[]> =>
    (await readdir(journalsDirectory))
      .filter((name) => name.endsWith(".json"))
      .sort()
      .reverse();
  return {
    records,
    recordsDirectory,
    lease: async (target, holder) => {
      const path = await folder(join("leases", leaseName(target)));
      let lock: AsyncDisposable;
      try {
        lock = await systemDisk.lock(path);
      } catch (error) {
        if (!isFailure(error, "data-in-use")) throw error;
        const other = (await readLease(path))?.holder ?? "another experiment";
        throw new Failure("conflict", `${target} is under experiment already: ${other}.`, {
          cause: error,
          remedy: "Wait for it, or stop it; `traceo chaos status` shows it.",
        });
      }
      await writeFile(join(path, "lease.json"), JSON.stringify({ target, holder }));
      return {
        [Symbol.asyncDispose]: async () => {
          await rm(join(path, "lease.json"), { force: true });
          await lock[Symbol.asyncDispose]();
        },
      };
    },
    leases: async () => {
      const found = await Promise.all(
        (await readdir(leasesDirectory)).map((name) => heldLease(join(leasesDirectory, name))),
      );
      return found.filter((lease) => lease !== undefined);
    },
    undo: async ({ removeTimeoutMs, force }) =>
      await replayUndo(records, { removeTimeoutMs, nowMs: Date.now, ...(force === undefined ? {} : { force }) }),
    keepJournal: async (journal) => {
      const path = join(journalsDirectory, `${journal.id}.json`);
      await writeFile(path, `${JSON.stringify(journal, undefined, 2)}\n`);
      for (const old of (await journalNames()).slice(MOST_JOURNALS))
        await rm(join(journalsDirectory, old), { force: true });
      return path;
    },
    journals: async (limit) => {
      const names = (await journalNames()).slice(0, limit);
      return await Promise.all(
        names.map(async (name) => JSON.parse(await readFile(join(journalsDirectory, name), "utf8")) as Journal),
      );
    },
  };
}

const leaseName = (target: string): string => createHash("sha256").update(target).digest("hex").slice(0, 24);

interface Lease {
  readonly target: string;
  readonly holder: string;
}

async function readLease(path: string): Promise<Lease | undefined> {
  try {
    return JSON.parse(await readFile(join(path, "lease.json"), "utf8")) as Lease;
  } catch {
    // It is being written or taken away at this moment.
    return undefined;
  }
}

/** Only a lease whose lock is held counts: a crash leaves the file and not the lock. */
async function heldLease(path: string): Promise<Lease | undefined> {
  try {
    await (await systemDisk.lock(path))[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    if (isFailure(error, "data-in-use")) return await readLease(path);
    throw error;
  }
}
