import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Users that are made before their weight is known. */
export const WEIGHED_USERS = 20;

/** Live bytes of this thread's heap, after a collection. */
export function measureHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

export interface Weight {
  readonly perUserBytes: number;
  readonly plannedUsers: number;
  /** What the heap of this thread may hold, and what is in it already. */
  readonly heapLimitBytes: number;
  readonly heapUsedBytes: number;
  readonly freeMemoryBytes: number;
}

/** Running users need room for responses and garbage beside what they weigh at rest. */
const HEADROOM = 0.8;

/** Why a plan does not fit into memory, if so, naming what makes its users heavy. */
export function refuseWeight(
  weight: Weight,
  files: readonly { readonly name: string; readonly sizeBytes: number }[],
): string | undefined {
  const { perUserBytes, plannedUsers, heapLimitBytes, heapUsedBytes, freeMemoryBytes } = weight;
  const needed = perUserBytes * plannedUsers;
  const room = Math.min(heapLimitBytes - heapUsedBytes, freeMemoryBytes) * HEADROOM;
  if (needed <= room) return undefined;
  const heavy = [...files]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, 3)
    .map(({ name, sizeBytes }) => `${name} (${kilobytes(sizeBytes)} of source)`);
  return [
    `${plannedUsers} virtual users of this script would need ${megabytes(needed)} (${kilobytes(perUserBytes)} each, measured on the first ${WEIGHED_USERS}); there is room for ${megabytes(room)}, about ${Math.max(0, Math.floor(room / perUserBytes))} of them.`,
    `Each user has its own copy of what modules keep. The largest: ${heavy.join(", ")}.`,
    "Put large data in a SharedArray, import less, use fewer users, or spread them with --generators or agents.",
  ].join("\n");
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;
