import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hexId, sendGauge, sendLogs, sendSpans } from "./send.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";

const MAIN = join(import.meta.dirname, "../../dist/main.js");

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function traceo(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...environment },
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const ended = error as { code: number; stdout: string; stderr: string };
    return { code: ended.code, out: ended.stdout, err: ended.stderr };
  }
}

let server: TestServer;
const traceId = hexId(7, 16);

beforeAll(async () => {
  server = await startServer();
  await sendSpans(server, "shop", [
    {
      traceId,
      spanId: hexId(1, 8),
      name: "GET /cart",
      kind: 2,
      durationMs: 120,
      attributes: { "http.route": "/cart", count: 3, big: 9007199254740993n, list: ["a", 1, true] },
    },
    {
      traceId,
      spanId: hexId(2, 8),
      parentSpanId: hexId(1, 8),
      name: "SELECT items",
      kind: 3,
      durationMs: 80,
      error: true,
    },
  ]);
  await sendLogs(server, "shop", [
    { body: "connection refused by db-1", severityNumber: 17, severityText: "ERROR", traceId, spanId: hexId(2, 8) },
  ]);
  await sendGauge(server, "shop", "cart.size", [{ value: 4, attributes: { k: "v" } }]);
  await eventually(async () => {
    const [row] = await server.sql<{ n: string }>(
      "SELECT (SELECT count() FROM spans) + (SELECT count() FROM logs WHERE service_name = 'shop') + (SELECT count() FROM samples WHERE metric_name = 'cart.size') AS n",
    );
    return Number(row!.n) === 4;
  });
});

afterAll(async () => {
  await server.stop();
  removeData(server);
});

describe("the command line", () => {
  it("explains itself and each of its commands", async () => {
    const overview = await traceo(["--help"]);
    expect(overview.code).toBe(0);
    const commands = [...overview.out.matchAll(/^ {2}(\w+) {2,}/gm)].map((match) => match[1]!);
    expect(commands).toEqual(expect.arrayContaining(["serve", "demo", "query", "sql", "tail", "doctor", "version"]));
    for (const command of commands) {
      const help = await traceo([command, "--help"]);
      expect(help.code, command).toBe(0);
      expect(help.out).toContain(`traceo ${command}`);
      expect(help.out).toContain("Options:");
    }
  });

  it("says what is wrong with a command line and exits with 2", async () => {
    expect(await traceo([])).toMatchObject({ code: 2 });
    expect(await traceo(["fly"])).toMatchObject({ code: 2, err: expect.stringContaining("there is no command `fly`") });
    expect(await traceo(["serve", "--wings"])).toMatchObject({ code: 2, err: expect.stringContaining("--wings") });
    expect(await traceo(["serve", "--set", "engine.urll=x"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("Did you mean engine.url?"),
    });
  });

  it("prints its version", async () => {
    expect((await traceo(["version"])).out).toMatch(/^traceo \d+\.\d+\.\d+ \(node /);
    expect(JSON.parse((await traceo(["version", "--json"])).out)).toMatchObject({ node: process.versions.node });
  });

  it("exits with 3 when nobody answers", async () => {
    expect(await traceo(["query", "services", "--url", "http://127.0.0.1:9"])).toMatchObject({
      code: 3,
      err: expect.stringContaining("traceo serve"),
    });
  });

  it("runs SQL with parameters and formats", async () => {
    const environment = { TRACEO_URL: server.url };
    const answer = await traceo(
      [
        "sql",
        "--json",
        "-p",
        "route=/cart",
        "SELECT name, attributes['big'] AS big, attributes['list'] AS list FROM spans WHERE attributes['http.route'] = {route:String}",
      ],
      environment,
    );
    expect(JSON.parse(answer.out)).toEqual({ name: "GET /cart", big: "9007199254740993", list: '["a",1,true]' });
    expect(
      (await traceo(["sql", "-f", "CSV", "SELECT count() FROM samples WHERE attributes['k'] = 'v'"], environment)).out,
    ).toBe("1\n");
    expect(await traceo(["sql", "DROP TABLE spans"], environment)).toMatchObject({ code: 1 });
    expect(await traceo(["sql", "SELECT nonsense FROM spans"], environment)).toMatchObject({
      code: 1,
      err: expect.stringContaining("nonsense"),
    });
  });

  it("asks for traces, one trace, a span, logs, services and metrics", async () => {
    const ask = (...args: string[]): Promise<Ended> => traceo(["query", ...args, "--url", server.url]);
    expect((await ask("traces", "-w", "service = shop", "-w", "status = error")).out).toContain(traceId);
    expect((await ask("trace", traceId)).out).toMatch(/shop GET \/cart .*\n {2}shop SELECT items .*ERROR/);
    expect((await ask("span", traceId, hexId(1, 8))).out).toContain("http.route");
    expect((await ask("logs", '"connection refused"')).out).toContain("connection refused by db-1");
    expect((await ask("services")).out).toContain("shop");
    expect((await ask("metrics", "cart")).out).toContain("cart.size");
    const json = JSON.parse((await ask("traces", "--json")).out) as { traces: { traceId: string }[] };
    expect(json.traces.map((trace) => trace.traceId)).toEqual([traceId]);
    expect(await ask("traces", "-w", "duration >")).toMatchObject({ code: 1 });
  });

  it("examines a running server and a place to start one", async () => {
    const healthy = await traceo(["doctor", "--url", server.url, "--data", server.dataDir, "--json"]);
    const findings = JSON.parse(healthy.out) as { check: string; state: string }[];
    expect(findings.filter((finding) => finding.check !== "disk" && finding.state === "fail")).toEqual([]);
    expect(findings.map((finding) => finding.check)).toEqual(
      expect.arrayContaining(["platform", "memory", "disk", "engine", "clock", "traces", "logs", "metrics"]),
    );
    const idle = await traceo([
      "doctor",
      "--url",
      "http://127.0.0.1:9",
      "--data",
      mkdtempSync(join(tmpdir(), "traceo-doctor-")),
    ]);
    expect(idle.out).toMatch(/port --listen/);
  });

  it("fails in one line with the remedy when a port is taken or the data folder is in use", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port } = blocker.address() as { port: number };
    const taken = await traceo([
      "serve",
      "--data",
      mkdtempSync(join(tmpdir(), "traceo-port-")),
      "--listen",
      `127.0.0.1:${port}`,
    ]);
    blocker.close();
    expect(taken).toMatchObject({ code: 1, err: expect.stringContaining("--listen") });
    expect(taken.err.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(2);
    const inUse = await traceo([
      "serve",
      "--data",
      server.dataDir,
      "--listen",
      "127.0.0.1:0",
      "--otlp-http",
      "off",
      "--otlp-grpc",
      "off",
    ]);
    expect(inUse).toMatchObject({ code: 1, err: expect.stringContaining("Another") });
  });

  it("refuses to listen beyond loopback without tokens", async () => {
    const refused = await traceo([
      "serve",
      "--data",
      mkdtempSync(join(tmpdir(), "traceo-open-")),
      "--listen",
      "0.0.0.0:0",
    ]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--token-file") });
  });

  it("reads a configuration file", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "traceo-file-")), "traceo.yaml");
    writeFileSync(file, "listen: nowhere\n");
    expect(await traceo(["serve", "--config", file])).toMatchObject({ code: 1, err: expect.stringContaining(file) });
  });
});
