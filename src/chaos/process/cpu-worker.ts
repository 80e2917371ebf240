/**
 * Burns `load` percent of a CPU: `cpu-worker.js MARKER DEADLINE_MS LOAD`. Works in slices, so that it sees the end of its
 * standard input (the injector is gone) and its deadline within one.
 */
const SLICE_MS = 50;

const deadlineMs = Number(process.argv[3]);
const load = Math.min(100, Math.max(1, Number(process.argv[4]))) / 100;

process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();

function slice(): void {
  const start = performance.now();
  if (Date.now() >= deadlineMs) process.exit(0);
  while (performance.now() - start < SLICE_MS * load) Math.sqrt(start);
  if (load === 1) setImmediate(slice);
  else setTimeout(slice, SLICE_MS - (performance.now() - start));
}

process.stdout.write("burning\n");
slice();
