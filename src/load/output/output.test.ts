import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Timeline } from "../metric/timeline.ts";
import { Totals } from "../metric/totals.ts";
import type { RunRecord } from "../run-record.ts";
import { RUN_DURATION_MS, RUN_START_UNIX_MS, recordedRun } from "../summary/recorded.suite.ts";
import { runFigures } from "../summary/run-figures.ts";
import { summaryReport } from "../summary/summary-report.ts";
import type { SummarySource } from "../summary/summary-source.ts";
import { bindThresholds } from "../threshold/threshold-set.ts";
import { openOutput } from "./open-output.ts";
import type { Output, OutputContext } from "./output.ts";
import { unsnappy } from "./snappy.suite.ts";

const SYSTEM_TAGS = new Set([
  "proto",
  "status",
  "method",
  "url",
  "name",
  "group",
  "check",
  "error_code",
  "scenario",
  "expected_response",
]);
const THRESHOLDS = {
  http_req_duration: [{ threshold: "p(95)<500", abortOnFail: false, delayAbortEvalMs: 0 }],
  "http_req_duration{scenario:buyers}": [{ threshold: "max<500", abortOnFail: false, delayAbortEvalMs: 0 }],
};

const STARTED: RunRecord = {
  schema: 1,
  id: "0123456789abcdef0123456789abcdef",
  name: "shop.js",
  script: { path: "shop.js", sha256: "ab".repeat(32) },
  startedUnixMs: RUN_START_UNIX_MS,
  endedUnixMs: undefined,
  status: "running",
  exitCode: undefined,
  reason: "",
  tags: { release: "<v2>" },
  git: { commit: "c0ffee".padEnd(40, "0"), branch: "main", dirty: false },
  machine: { host: "box", platform: "linux x64", cpus: 2, memoryBytes: 8e9, node: "20.20.2", traceo: "0.1.0" },
  ci: undefined,
  scenarios: { default: { executor: "constant-vus", vus: 4 } },
  phases: [{ name: "inject", fromUnixMs: RUN_START_UNIX_MS + 3000, toUnixMs: RUN_START_UNIX_MS + 6000 }],
  thresholds: [],
  metrics: [],
  checks: [],
  timeline: [],
  exemplars: [],
  generators: [],
  notes: [],
};

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "load-output-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Keeps what it is sent; answers what `answer` says (status by turn, 200 afterwards). */
async function receiver(answers: number[] = []): Promise<{ url: string; requests: Request[] }> {
  const requests: Request[] = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks) });
      response.writeHead(answers.shift() ?? 200).end("said");
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A whole run into one output. */
async function ran(specification: string, environment: Record<string, string> = {}, seconds = 10) {
  const { frames, registry } = recordedRun(true);
  const totals = new Totals();
  for (const { name, type, contains } of registry.all()) totals.registry.define(name, type, contains);
  const warnings: string[] = [];
  const pauses: number[] = [];
  const printed: string[] = [];
  const context: OutputContext = {
    totals,
    environment,
    systemTags: SYSTEM_TAGS,
    thresholds: THRESHOLDS,
    record: STARTED,
    stdout: { write: (chunk) => printed.push(String(chunk)) },
    warn: (message) => warnings.push(message),
    pause: async (ms) => void pauses.push(ms),
  };
  const { thresholds } = bindThresholds(totals, THRESHOLDS);
  const output: Output = openOutput(specification, context);
  const timeline = new Timeline(totals.registry);
  for (const frame of frames.slice(0, seconds)) {
    const merged = totals.merge(frame);
    timeline.add(merged);
    output.write(merged);
  }
  const source: SummarySource = {
    totals,
    thresholds,
    verdict: thresholds.evaluate(RUN_DURATION_MS, true),
    durationMs: RUN_DURATION_MS,
    options: {
      summaryTrendStats: ["avg", "min", "med", "max", "p(90)", "p(95)"],
      summaryTimeUnit: "",
      systemTags: SYSTEM_TAGS,
    },
  };
  const record: RunRecord = {
    ...STARTED,
    endedUnixMs: RUN_START_UNIX_MS + RUN_DURATION_MS,
    status: "failed",
    exitCode: 99,
    reason: "a threshold was crossed",
    ...runFigures(source, timeline),
  };
  await output.close({ record, report: summaryReport(source, "compact") });
  return { output, warnings, pauses, printed: printed.join(""), record };
}

describe("file outputs", () => {
  it("writes json as k6 does, also compressed and to the standard output", async () => {
    const path = join(folder, "samples.json");
    await ran(`json=${path}`, {}, 2);
    const text = readFileSync(path, "utf8");
    await expect(text).toMatchFileSnapshot("golden/samples.json.txt");
    for (const line of text.trimEnd().split("\n")) JSON.parse(line);
    await ran(`json=${path}.gz`, {}, 2);
    expect(gunzipSync(readFileSync(`${path}.gz`)).toString()).toBe(text);
    expect((await ran("json", {}, 2)).printed).toBe(text);
  });

  it("writes csv with a column for each system tag", async () => {
    const path = join(folder, "samples.csv");
    await ran(`csv=${path}`, { K6_CSV_TIME_FORMAT: "unix_milli" }, 1);
    await expect(readFileSync(path, "utf8")).toMatchFileSnapshot("golden/samples.csv.txt");
    expect((await ran("csv=fileName=-,timeFormat=rfc3339", {}, 1)).printed.split("\n")[1]).toMatch(
      /^http_reqs,2026-01-02T03:04:05Z,1.000000,/,
    );
    expect((await ran("csv=-", {}, 1)).printed.split("\n")[1]).toMatch(/^http_reqs,1767323045,/);
  });

  it("writes one page about the run that asks nothing of the outside", async () => {
    const path = join(folder, "report.html");
    await ran(`html=${path}`);
    const text = readFileSync(path, "utf8");
    await expect(text).toMatchFileSnapshot("golden/report.html.txt");
    expect(text).not.toMatch(/<script|<link|src=|@import|url\(/);
    expect(text).toContain("tag release</td><td>&#60;v2&#62;");
  });

  it("says once that a file cannot be written, and goes on", async () => {
    const { warnings, output } = await ran(`json=${join(folder, "no", "such", "folder.json")}`);
    expect(warnings).toEqual([expect.stringContaining("ENOENT")]);
    expect(output.counts.lastError).toContain("ENOENT");
    const html = await ran(`html=${join(folder, "no", "such.html")}`);
    expect(html.output.counts.dropped).toBe(1);
  });
});

describe("influxdb", () => {
  it("writes the line protocol after making the database", async () => {
    const { url, requests } = await receiver();
    await ran(`influxdb=${url}/prefix/mydb`, { K6_INFLUXDB_USERNAME: "u", K6_INFLUXDB_PASSWORD: "p" }, 1);
    expect(requests.map((request) => `${request.method} ${request.url}`)).toEqual([
      "POST /prefix/query?q=CREATE+DATABASE+%22mydb%22",
      "POST /prefix/write?db=mydb",
    ]);
    expect(requests[1]!.headers.authorization).toBe(`Basic ${Buffer.from("u:p").toString("base64")}`);
    await expect(requests[1]!.body.toString()).toMatchFileSnapshot("golden/influxdb.txt");
  });

  it("makes fields of the tags that it is told to, and times of the precision", async () => {
    const { url, requests } = await receiver([403]);
    await ran(
      `influxdb=${url}`,
      { K6_INFLUXDB_TAGS_AS_FIELDS: "status:int,scenario,expected_response:bool,url", K6_INFLUXDB_PRECISION: "s" },
      1,
    );
    expect(requests[1]!.url).toBe("/write?db=k6&precision=s");
    expect(requests[1]!.body.toString().split("\n")[0]).toBe(
      'http_reqs,group=::front,method=GET,name=http://shop.test/,proto=HTTP/1.1 expected_response=true,scenario="default",status=200i,url="http://shop.test/",value=1 1767323045',
    );
  });
});

describe("prometheus remote write", () => {
  const proto = protobuf
    .parse(`syntax = "proto3";
    message WriteRequest { repeated TimeSeries timeseries = 1; }
    message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Histogram histograms = 4; }
    message Label { string name = 1; string value = 2; }
    message Sample { double value = 1; int64 timestamp = 2; }
    message Span { sint32 offset = 1; uint32 length = 2; }
    message Histogram { uint64 count_int = 1; double sum = 3; sint32 schema = 4; double zero_threshold = 5; uint64 zero_count_int = 6;
      repeated Span negative_spans = 8; repeated sint64 negative_deltas = 9; repeated Span positive_spans = 11;
      repeated sint64 positive_deltas = 12; int64 timestamp = 15; }`)
    .root.lookupType("WriteRequest");
  const decoded = (body: Buffer) =>
    proto.toObject(proto.decode(unsnappy(body)), { longs: Number, defaults: false }) as {
      timeseries: {
        labels: { name: string; value: string }[];
        samples?: { value: number; timestamp: number }[];
        histograms?: Record<string, unknown>[];
      }[];
    };
  const line = ({ labels, samples }: ReturnType<typeof decoded>["timeseries"][number]): string =>
    `${labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(" ")} ${samples?.map(({ value, timestamp }) => `${value}@${timestamp - RUN_START_UNIX_MS}`).join(" ")}`;

  it("pushes every interval what changed, in Prometheus' names and units", async () => {
    const { url, requests } = await receiver();
    await ran(`experimental-prometheus-rw=${url}/api/v1/write`, {
      K6_PROMETHEUS_RW_TREND_STATS: "p(95),p(99.9),count,sum",
      K6_PROMETHEUS_RW_BEARER_TOKEN: "secret",
      K6_PROMETHEUS_RW_HTTP_HEADERS: "X-Scope-OrgID:team",
    });
    expect(
      requests.map(({ headers }) => [headers["content-encoding"], headers["x-scope-orgid"], headers.authorization]),
    ).toEqual(Array(2).fill(["snappy", "team", "Bearer secret"]));
    const lines = requests.flatMap(({ body }) => [...decoded(body).timeseries.map(line), ""]);
    await expect(lines.join("\n")).toMatchFileSnapshot("golden/prometheus.txt");
  });

  it("writes native histograms and stale markers when asked", async () => {
    const { url, requests } = await receiver();
    await ran("experimental-prometheus-rw", {
      K6_PROMETHEUS_RW_SERVER_URL: url,
      K6_PROMETHEUS_RW_PUSH_INTERVAL: "1m",
      K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM: "true",
      K6_PROMETHEUS_RW_STALE_MARKERS: "true",
    });
    expect(requests.length).toBe(2);
    const series = decoded(requests[0]!.body).timeseries.find(({ labels }) =>
      labels.some(({ value }) => value === "k6_http_req_duration_seconds"),
    )!;
    const histogram = series.histograms![0] as {
      positiveSpans: { offset?: number; length: number }[];
      positiveDeltas: number[];
    };
    expect(histogram).toMatchObject({ countInt: 40, schema: 3, sum: expect.closeTo(0.91, 10) as number });
    let bucket = 0;
    let count = 0;
    let total = 0;
    const deltas = histogram.positiveDeltas.values();
    for (const { offset = 0, length } of histogram.positiveSpans) {
      bucket += offset;
      for (let index = 0; index < length; index++) {
        count += deltas.next().value!;
        total += count;
        expect(2 ** (bucket / 8)).toBeGreaterThan(0.00525);
        expect(2 ** ((bucket - 1) / 8)).toBeLessThan(0.04325);
        bucket++;
      }
    }
    expect(total).toBe(40);
    const markers = decoded(requests[1]!.body).timeseries;
    expect(markers.length).toBeGreaterThan(20);
    expect(markers.every(({ samples }) => Number.isNaN(samples![0]!.value))).toBe(true);
  });
});

describe("opentelemetry", () => {
  const root = protobuf.Root.fromJSON(
    JSON.parse(
      readFileSync(new URL("../../../test/otlp/descriptor.json", import.meta.url), "utf8"),
    ) as protobuf.INamespace,
  );
  const type = root.lookupType("opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest");
  const decoded = (body: Uint8Array) =>
    type.toObject(type.decode(body), { longs: String, bytes: String, enums: String }) as {
      resourceMetrics: { resource: unknown; scopeMetrics: { metrics: { name: string }[] }[] }[];
    };

  it("sends k6's cumulative metrics over HTTP", async () => {
    const { url, requests } = await receiver();
    await ran("opentelemetry", {
      K6_OTEL_EXPORTER_PROTOCOL: "http/protobuf",
      K6_OTEL_HTTP_EXPORTER_ENDPOINT: url.slice("http://".length),
      K6_OTEL_HTTP_EXPORTER_INSECURE: "true",
      K6_OTEL_METRIC_PREFIX: "pre_",
      K6_OTEL_HEADERS: "api-key=a%20b",
      K6_OTEL_EXPORT_INTERVAL: "5s",
    });
    expect(requests.map(({ url: path, headers }) => [path, headers["api-key"]])).toEqual(
      Array(2).fill(["/v1/metrics", "a b"]),
    );
    await expect(JSON.stringify(decoded(requests[1]!.body), null, 1)).toMatchFileSnapshot(
      "golden/opentelemetry.json.txt",
    );
  });

  it("sends them over gRPC", async () => {
    const calls: { path: unknown; body: Buffer }[] = [];
    const grpc = createHttp2Server();
    let first = true;
    grpc.on("stream", (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        calls.push({ path: headers[":path"], body: Buffer.concat(chunks) });
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        const status = first ? "14" : "0";
        first = false;
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status, "grpc-message": "later" }));
        stream.end(Buffer.alloc(5));
      });
    });
    await new Promise<void>((resolve) => grpc.listen(0, "127.0.0.1", resolve));
    const { output, pauses, warnings } = await ran("experimental-opentelemetry", {
      K6_OTEL_GRPC_EXPORTER_ENDPOINT: `127.0.0.1:${(grpc.address() as AddressInfo).port}`,
      K6_OTEL_GRPC_EXPORTER_INSECURE: "true",
    });
    await new Promise((resolve) => grpc.close(resolve));
    expect(output.counts).toMatchObject({ delivered: 1, retried: 1, dropped: 0 });
    expect([pauses.length, warnings]).toEqual([1, []]);
    expect(calls.map(({ path }) => path)).toEqual(
      Array(2).fill("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
    );
    const names = decoded(calls[1]!.body.subarray(5)).resourceMetrics[0]!.scopeMetrics[0]!.metrics.map(
      ({ name }) => name,
    );
    expect(names).toContain("http_req_duration");
  });

  it("keeps the run in Traceo: deltas every second, exponential histograms, exemplars and the run's document", async () => {
    const { url, requests } = await receiver();
    const { record, output } = await ran(`traceo=${url}`, { TRACEO_TOKEN: "t" }, 3);
    const documents = requests.filter((request) => request.url === `/api/load/runs/${STARTED.id}`);
    expect(documents.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      JSON.parse(JSON.stringify(STARTED)),
      JSON.parse(JSON.stringify(record)),
    ]);
    const bodies = requests.filter((request) => request.url === "/otlp/v1/metrics");
    expect(bodies.length).toBe(3);
    expect(bodies[0]!.headers.authorization).toBe("Bearer t");
    const first = decoded(gunzipSync(bodies[0]!.body));
    await expect(JSON.stringify(first, null, 1)).toMatchFileSnapshot("golden/traceo.json.txt");
    expect(output.counts).toEqual({ delivered: 5, retried: 0, dropped: 0, lastError: undefined });
  });
});

describe("delivery", () => {
  it("repeats what failed for a while, gives up what is refused, counts and says so once", async () => {
    const { url, requests } = await receiver([503, 429, 200, 400]);
    const { output, warnings, pauses } = await ran(`experimental-prometheus-rw=${url}`);
    expect(requests.length).toBe(4);
    expect(output.counts).toEqual({
      delivered: 1,
      retried: 2,
      dropped: 1,
      lastError: `${url} answered 400: said`,
    });
    expect(pauses.length).toBe(2);
    expect(warnings).toEqual([expect.stringContaining("answered 400")]);
  });

  it("ends although nobody answers", async () => {
    const { output, warnings } = await ran("experimental-prometheus-rw=http://127.0.0.1:9");
    expect(output.counts).toMatchObject({ delivered: 0, dropped: 2, retried: 6 });
    expect(warnings.length).toBe(1);
  });
});

describe("opening outputs", () => {
  it.each([
    ["nothing", 'there is no output "nothing"; there are json, csv'],
    ["constructor", "there is no output"],
    ["cloud", "runs are kept in Traceo"],
    ["kafka=x", "Collector with a Kafka exporter"],
    ["csv=timeFormat=when", "unknown time format"],
    ["csv=colour=red", "unknown key"],
    ["influxdb=udp://x", "only http"],
    ["experimental-prometheus-rw=nowhere", "no http address"],
    ["html", "needs a file"],
    ["traceo=x", "no http address"],
  ])("refuses %s", async (specification, message) => {
    await expect(ran(specification)).rejects.toThrow(message);
  });

  it.each([
    ["experimental-prometheus-rw", "K6_PROMETHEUS_RW_PUSH_INTERVAL", "soon", "must be a duration"],
    ["experimental-prometheus-rw", "K6_PROMETHEUS_RW_TREND_STATS", "p95", "no statistic"],
    ["experimental-prometheus-rw", "K6_PROMETHEUS_RW_STALE_MARKERS", "perhaps", "must be true or false"],
    ["opentelemetry", "K6_OTEL_EXPORTER_PROTOCOL", "udp", "neither grpc nor"],
    ["influxdb", "K6_INFLUXDB_PRECISION", "d", "none of n, u"],
    ["influxdb", "K6_INFLUXDB_TAGS_AS_FIELDS", "vu:long", "none of string"],
  ])("refuses %s with %s=%s", async (specification, name, value, message) => {
    await expect(ran(specification, { [name]: value })).rejects.toThrow(message);
  });
});
