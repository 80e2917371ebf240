// The built program as a process of its own, on free ports.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const MAIN = new URL("../../dist/main.js", import.meta.url).pathname;

/** Starts the program and resolves when it says that it is ready. */
export async function startServer(dataDir) {
  const [ui, otlp] = await Promise.all([freePort(), freePort()]);
  const flags = ["--listen", `127.0.0.1:${ui}`, "--otlp-http", `127.0.0.1:${otlp}`, "--otlp-grpc", "off"];
  const child = spawn(process.execPath, [MAIN, "serve", "--data", dataDir, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    // Lines of the future and of other days would be other days' partitions; the program's own telemetry is no part of it.
    env: { ...process.env, TRACEO_TELEMETRY_SELF: "false" },
  });
  let output = "";
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk;
      if (/^traceo ready/m.test(output)) resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void exited.then((code) => reject(new Error(`traceo exited with ${code} before it was ready:\n${output}`)));
  });
  const url = `http://127.0.0.1:${ui}`;
  const { engine } = await (await fetch(`${url}/api/status`)).json();
  return {
    /** CPU milliseconds that the program and its engine have used, to ten; NaN where there is no /proc. */
    cpuMs: () => cpuMsOf(child.pid) + cpuMsOf(engine.processId),
    engineCpuMs: () => cpuMsOf(engine.processId),
    url,
    otlp: `http://127.0.0.1:${otlp}`,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function cpuMsOf(processId) {
  const path = `/proc/${processId}/stat`;
  if (!existsSync(path)) return Number.NaN;
  const fields = readFileSync(path, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
