// Requests per CPU-second of the client for a bare GET of 27 bytes over 50 keep-alive connections, beside wrk and hey on the
// same server (a process of its own), in turn, best of the rounds. wrk and hey are Debian packages: skipped where missing.
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const CONNECTIONS = 50;
const REQUESTS = 100_000;
const ROUNDS = 3;

async function openServer() {
  const child = fork(new URL("./http-client/server.mjs", import.meta.url));
  const [{ port }] = await once(child, "message");
  return { url: `http://127.0.0.1:${port}/`, close: () => child.disconnect() };
}

async function openClient(url, kind) {
  const child = fork(new URL("./http-client/client.mjs", import.meta.url), [url, kind]);
  const measure = async () => {
    const answer = once(child, "message");
    child.send({ connections: CONNECTIONS, requests: REQUESTS });
    return (await answer)[0];
  };
  await measure();
  return { measure, close: () => child.disconnect() };
}

/** CPU seconds of a command, from the shell's own accounting of its children. */
async function timed(command, args) {
  const child = spawn("bash", ["-c", `TIMEFORMAT='cpu %U %S'; time ${[command, ...args].join(" ")}`]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (output += part));
  await once(child, "close");
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)/.exec(output);
  return { output, cpuSeconds: Number(user) + Number(system) };
}

const has = (command) => spawnSync("which", [command]).status === 0;

export async function run(print) {
  const server = await openServer();
  const clients = { client: await openClient(server.url, "client"), "k6/http": await openClient(server.url, "module") };
  const best = { wrk: 0, hey: 0, client: 0, "k6/http": 0 };
  const resident = {};
  const missing = ["wrk", "hey"].filter((name) => !has(name));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, client] of Object.entries(clients)) {
      const { cpuSeconds, residentBytes } = await client.measure();
      best[name] = Math.max(best[name], REQUESTS / cpuSeconds);
      resident[name] = Math.round(residentBytes / (1 << 20));
    }
    if (has("wrk")) {
      const { output, cpuSeconds } = await timed("wrk", ["-t1", `-c${CONNECTIONS}`, "-d2s", server.url]);
      best.wrk = Math.max(best.wrk, Number(/(\d+) requests in/.exec(output)[1]) / cpuSeconds);
    }
    if (has("hey")) {
      const args = ["-c", String(CONNECTIONS), "-n", String(REQUESTS), server.url];
      const { cpuSeconds } = await timed("hey", args);
      best.hey = Math.max(best.hey, REQUESTS / cpuSeconds);
    }
  }
  for (const client of Object.values(clients)) client.close();
  server.close();
  for (const [name, value] of Object.entries(best)) {
    if (missing.includes(name)) {
      print({ figure: `${name}, bare GET`, skipped: `${name} is not installed` });
      continue;
    }
    print({
      figure: `${name}, bare GET`,
      value: Math.round(value),
      unit: "requests per CPU-second",
      ...(best.wrk > 0 ? { ofWrk: Number((value / best.wrk).toFixed(2)) } : {}),
      ...(resident[name] === undefined ? {} : { residentMebibytes: resident[name] }),
    });
  }
}
