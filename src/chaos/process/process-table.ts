import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A process as it is now. `started` tells it apart from a later one that got the same pid. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Opaque: the same for the whole life of a process, different for every other one with its pid. */
  readonly started: string;
  /** Stopped by a signal. */
  readonly isStopped: boolean;
  /** Ended, waiting to be reaped. */
  readonly isZombie: boolean;
  /** The whole command line, arguments joined by spaces; empty for the kernel's own. */
  readonly command: string;
}

export type ProcessIdentity = Pick<ProcessEntry, "pid" | "started" | "command">;

/** All processes that this user sees. */
export async function listProcesses(): Promise<readonly ProcessEntry[]> {
  if (process.platform !== "linux") return listByPs();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map((pid) => readLinux(Number(pid))));
  return entries.filter((entry) => entry !== undefined);
}

/** Undefined when there is none, or another one than was meant. */
export async function findProcess(identity: {
  readonly pid: number;
  readonly started?: string;
}): Promise<ProcessEntry | undefined> {
  const entry =
    process.platform === "linux"
      ? await readLinux(identity.pid)
      : (await listByPs()).find(({ pid }) => pid === identity.pid);
  if (entry === undefined || entry.isZombie) return undefined;
  return identity.started === undefined || entry.started === identity.started ? entry : undefined;
}

/** Ancestors and descendants of a process, itself included: what must never be harmed by its own experiment. */
export function processTree(processes: readonly ProcessEntry[], pid: number): ReadonlySet<number> {
  const byPid = new Map(processes.map((entry) => [entry.pid, entry]));
  const tree = new Set<number>();
  for (let at = byPid.get(pid); at !== undefined && !tree.has(at.pid); at = byPid.get(at.parentPid)) tree.add(at.pid);
  const down = [pid];
  for (let at = down.pop(); at !== undefined; at = down.pop()) {
    tree.add(at);
    for (const entry of processes) if (entry.parentPid === at && !tree.has(entry.pid)) down.push(entry.pid);
  }
  return tree;
}

async function readLinux(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "latin1"),
      readFile(`/proc/${pid}/cmdline`, "utf8"),
    ]);
    // The name, in brackets, may hold spaces and brackets: fields are counted from the last one (proc(5): state is the third).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      pid,
      parentPid: Number(fields[1]),
      started: fields[19]!,
      isStopped: fields[0] === "T",
      isZombie: fields[0] === "Z" || fields[0] === "X",
      command: command.replace(/\0+$/, "").replaceAll("\0", " "),
    };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // It ended while we looked.
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

async function listByPs(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,ppid=,lstart=,stat=,command="], {
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 64 << 20,
  });
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\w+ +\w+ +\d+ +[\d:]+ +\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (match === null) return [];
    return [
      {
        pid: Number(match[1]),
        parentPid: Number(match[2]),
        started: match[3]!,
        isStopped: match[4]!.startsWith("T"),
        isZombie: match[4]!.startsWith("Z"),
        command: match[5]!,
      },
    ];
  });
}
