import { join } from "node:path";
import type { Disk } from "#runtime/disk.ts";
import { Failure } from "#runtime/failure.ts";
import type { Fault } from "../fault/fault.ts";

const FILE = /^fault-([A-Za-z0-9]{1,40})\.json$/;
const LARGEST_BYTES = 1 << 20;

/**
 * Undo records: one file a fault, durable before the fault is injected and there until its removal was seen. A crash at any
 * point leaves either no record and no fault, or a record, with or without its fault.
 *
 *   fault-ID.json.new  ── sync ──►  rename to fault-ID.json  ── sync of the folder ──►  inject … remove, look  ──►  unlink
 */
export interface FaultRecords {
  /** Resolves when the record would survive a crash. */
  write(fault: Fault): Promise<void>;
  /** Undefined when it is closed. Throws "corrupt" for a file that holds no record: a person has to look. */
  read(id: string): Promise<Fault | undefined>;
  /** Of all open ones. */
  ids(): Promise<readonly string[]>;
  /** All open ones. */
  list(): Promise<readonly Fault[]>;
  /** No error if it is closed already. */
  close(id: string): Promise<void>;
}

export async function openFaultRecords(disk: Disk, directory: string): Promise<FaultRecords> {
  await disk.makeDirectory(directory);
  const path = (id: string): string => join(directory, `fault-${id}.json`);
  const read = async (id: string): Promise<Fault | undefined> => {
    let bytes: Uint8Array;
    try {
      await using file = await disk.open(path(id), "existing");
      bytes = new Uint8Array(Math.min(await file.size(), LARGEST_BYTES));
      await file.read(bytes, 0);
    } catch (error) {
      if (error instanceof Failure && error.code === "not-found") return undefined;
      throw error;
    }
    try {
      const fault = JSON.parse(Buffer.from(bytes).toString("utf8")) as Fault;
      if (fault.id !== id || typeof fault.spec?.type !== "string") throw new Error("it is no fault");
      return fault;
    } catch (error) {
      throw new Failure("corrupt", `${path(id)} is no undo record.`, {
        cause: error,
        remedy: "Look at the file, undo what it names by hand, and delete it.",
      });
    }
  };
  const ids = async (): Promise<readonly string[]> =>
    (await disk.list(directory)).flatMap((name) => FILE.exec(name)?.[1] ?? []).sort();
  return {
    write: async (fault) => {
      const temporary = `${path(fault.id)}.new`;
      {
        await using file = await disk.open(temporary, "create");
        await file.write([Buffer.from(`${JSON.stringify(fault)}\n`)], 0);
        await file.sync();
      }
      await disk.rename(temporary, path(fault.id));
      await disk.syncDirectory(directory);
    },
    read,
    ids,
    list: async () => {
      const found = await Promise.all((await ids()).map(read));
      return found.filter((fault) => fault !== undefined);
    },
    close: async (id) => {
      await disk.remove(path(id));
      await disk.syncDirectory(directory);
    },
  };
}
