import { readFileSync, writeFileSync } from "node:fs";
import { freemem } from "node:os";

/**
 * Holds memory: `memory-worker.js MARKER DEADLINE_MS BYTES RESERVE_BYTES`. Takes it step by step and stops before the system
 * has less than the reserve left; offers itself first to the out-of-memory killer.
 */
const STEP_BYTES = 16 << 20;

const deadlineMs = Number(process.argv[3]);
const wantedBytes = Number(process.argv[4]);
const reserveBytes = Number(process.argv[5]);

process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
setInterval(() => {
  if (Date.now() >= deadlineMs) process.exit(0);
}, 100);

if (process.platform === "linux") writeFileSync("/proc/self/oom_score_adj", "1000");

const held: Buffer[] = [];
let heldBytes = 0;

function step(): void {
  if (heldBytes >= wantedBytes || availableBytes() - STEP_BYTES < reserveBytes) {
    process.stdout.write(`holding ${heldBytes}\n`);
    return;
  }
  const bytes = Math.min(STEP_BYTES, wantedBytes - heldBytes);
  // Not zeros: pages that were never written cost nothing.
  held.push(Buffer.alloc(bytes, 0xa5));
  heldBytes += bytes;
  setImmediate(step);
}

function availableBytes(): number {
  if (process.platform !== "linux") return freemem();
  const kilobytes = /^MemAvailable:\s*(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}

step();
