// Sends what the parent asks for and answers with the CPU time it took. argv: URL, what sends: `client` (the HTTP client
// alone) or `module` (a script that calls http.get of k6/http, with tags, samples and trace context).
import { DEFAULT_CLIENT_SETTINGS } from "../../dist/client/client-settings.js";
import { HttpClient } from "../../dist/client/http-client.js";
import { MetricRegistry } from "../../dist/load/metric/metric-registry.js";
import { Recorder } from "../../dist/load/metric/recorder.js";
import { httpModule } from "../../dist/load/module/http/http-module.js";
import { traceRequests } from "../../dist/load/module/http/http-run.js";
import { openScript } from "../../dist/script/open-script.js";

const [url, kind] = process.argv.slice(2);

function openClient() {
  const client = new HttpClient(DEFAULT_CLIENT_SETTINGS);
  const headers = [["User-Agent", "traceo"]];
  return async (pool, take) => {
    while (take()) {
      const answer = await client.exchange(
        { method: "GET", url, headers, body: undefined, timeoutMs: 60_000, discardBody: false },
        pool,
        undefined,
      );
      if (answer.status !== 200) throw new Error(answer.error);
    }
  };
}

const SYSTEM_TAGS =
  "proto subproto status method url name group check error error_code tls_version scenario service expected_response";

async function openModule() {
  const metrics = new MetricRegistry();
  const samples = new Recorder(metrics, { generator: 1, raw: false }, Date.now());
  // What a run hands on once a second.
  setInterval(() => samples.drain?.(Date.now()), 1000).unref();
  const options = {
    systemTags: new Set(SYSTEM_TAGS.split(" ")),
    maxRedirects: 10,
    userAgent: "traceo",
    batch: 20,
    batchPerHost: 6,
    httpDebug: "",
    tlsVersion: {},
    tlsCipherSuites: [],
    tlsAuth: [],
    blacklistIPs: [],
    blockHostnames: [],
    hosts: {},
    dns: { ttl: "5m", select: "random", policy: "preferIPv4" },
    localIPs: [],
  };
  traceRequests({ options, metrics }, { wants: () => true });
  const script = await openScript({
    entry: "/bench.js",
    source: `import http from "k6/http"; export default function () { if (http.get(${JSON.stringify(url)}).status !== 200) throw new Error("failed"); }`,
    readFile: () => "",
    ours: (specifier) => (specifier === "k6/http" ? httpModule : undefined),
    globals: {},
  });
  const users = new Map();
  return async (id, take) => {
    if (!users.has(id)) {
      const host = {
        metrics,
        samples,
        options,
        tags: metrics.tags.with(0, "scenario", "default"),
        group: "",
        slots: new Map(),
        run: { log: console.error },
      };
      users.set(id, await script.createUser(id, host));
    }
    const user = users.get(id);
    while (take()) await user.call("default", []);
  };
}

const run = kind === "client" ? openClient() : await openModule();
process.on("message", async ({ connections, requests }) => {
  let left = requests;
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: connections }, (_, index) => run(index + 1, () => left-- > 0)));
  const { user, system } = process.cpuUsage(before);
  process.send({ cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());
