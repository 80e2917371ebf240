// The built program as a process of its own, and what the system says of it and of its children.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Starts `traceo serve` on free ports; resolves when it says that it is ready. */
export async function startProgram(dataDir, settings = {}) {
  const started = performance.now();
  const set = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const ports = ["--listen", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "off"];
  // `--cpu-prof --cpu-prof-dir=DIR` shows where its time goes, thread by thread.
  const nodeOptions = process.env.BENCH_NODE_OPTIONS?.split(" ") ?? [];
  const child = spawn(process.execPath, [...nodeOptions, MAIN, "serve", "--data", dataDir, ...ports, ...set], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-4000);
  });
  const exited = once(child, "exit");
  const line = await Promise.race([
    once(createInterface(child.stdout), "line").then(([text]) => text),
    exited.then(() => {
      throw new Error(`the program ended at its start: ${said}`);
    }),
  ]);
  const readyMs = performance.now() - started;
  const url = /ready: (\S+)/.exec(line)[1];
  const otlpUrl = /OTLP\/HTTP (\S+)/.exec(line)[1];
  return {
    url,
    otlpUrl,
    readyMs,
    log: () => said,
    cpuSeconds: () => sum(child.pid, cpuSecondsOf),
    /** Of these the program's own process, where bodies are received, decoded and built. */
    ownCpuSeconds: () => cpuSecondsOf(child.pid),
    /** Resident memory of all its processes, and what of it is their own (the rest is mapped files). */
    residentBytes: () => sum(child.pid, (pid) => kilobytes(pid, "VmRSS") * 1024),
    ownBytes: () => sum(child.pid, (pid) => kilobytes(pid, "RssAnon") * 1024),
    status: async () => await (await fetch(`${url}/api/status`)).json(),
    /** Rows of a statement. */
    sql: async (query) => {
      const answer = await fetch(`${url}/api/sql`, { method: "POST", body: query });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${query}: ${text}`);
      return JSON.parse(text).data;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Resolves when its processes have used less than so much of a core for so long. */
export async function quiet(program, { share = 0.06, seconds = 4 } = {}) {
  for (let still = 0; still < seconds; ) {
    const before = program.cpuSeconds();
    await sleep(1000);
    still = program.cpuSeconds() - before < share ? still + 1 : 0;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function sum(root, measure) {
  return familyOf(root).reduce((total, pid) => {
    try {
      return total + measure(pid);
    } catch {
      return total; // ended meanwhile
    }
  }, 0);
}

function familyOf(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name))
      try {
        parents.set(Number(name), Number(statOf(name)[1]));
      } catch {
        // ended meanwhile
      }
  const family = [root];
  for (const pid of family) for (const [child, parent] of parents) if (parent === pid) family.push(child);
  return family;
}

/** Fields of /proc/PID/stat from the third on. */
const statOf = (pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");

function cpuSecondsOf(pid) {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const kilobytes = (pid, name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
