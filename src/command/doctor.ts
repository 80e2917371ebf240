import { existsSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { freemem, totalmem } from "node:os";
import type { QuarantineList, Status } from "#api/contract/shapes.ts";
import { loadSettings } from "#config/load-settings.ts";
import { printSize } from "#config/quantity.ts";
import type { Settings } from "#config/settings.ts";
import { describeError, isFailure } from "#runtime/failure.ts";
import { type ApiClient, CLIENT_OPTIONS, openClient, text, Unreachable } from "./api-client.ts";
import { type Command, EXIT } from "./command.ts";

type Finding = {
  readonly check: string;
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly remedy?: string;
};

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export const doctor: Command = {
  name: "doctor",
  summary: "Look for what is wrong and say what to do.",
  usage: "[options]",
  description: [
    "Asks a running Traceo about its engine, its ledger (is anything lost?), its clock and its disk; where none runs, checks",
    "what a start would meet: platform, Node, memory, disk, ports. Exits with 4 if something has to be mended.",
  ].join("\n"),
  options: {
    ...CLIENT_OPTIONS,
    data: { type: "string", value: "DIR", help: "Data folder to look at (default traceo-data)." },
    config: { type: "string", short: "c", value: "FILE", help: "Configuration file." },
    json: { type: "boolean", help: "Print JSON." },
  },
  examples: ["traceo doctor", "traceo doctor --url http://traceo.internal:7070 --token-file ~/.traceo-token"],
  run: async (invocation) => {
    const settings = loadSettings({
      file: text(invocation, "config"),
      environment: settingsEnvironment(invocation.environment),
      flags: { data: text(invocation, "data") },
    });
    const findings: Finding[] = [checkPlatform(), checkMemory(settings), checkDisk(settings)];
    try {
      const before = Date.now();
      const client = openClient(invocation);
      const status = await client.get<Status>("/api/status");
      findings.push(...checkServer(status, (before + Date.now()) / 2), await checkQuarantine(client));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      findings.push({ check: "server", state: "warn", detail: error.message });
      findings.push(
        ...(await Promise.all([
          checkPort("listen", settings.listen),
          checkPort("otlp-grpc", settings.otlpGrpc),
          checkPort("otlp-http", settings.otlpHttp),
        ])),
      );
    }
    if (invocation.options["json"] === true) invocation.out(`${JSON.stringify(findings)}\n`);
    else invocation.out(findings.map(printFinding).join(""));
    return findings.some((finding) => finding.state === "fail") ? EXIT.unhealthy : EXIT.ok;
  },
};

/** TRACEO_URL and TRACEO_TOKEN are the client's, not settings. */
export function settingsEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const { TRACEO_URL: _url, TRACEO_TOKEN: _token, TRACEO_DEBUG: _debug, ...rest } = environment;
  return rest;
}

function printFinding(finding: Finding): string {
  const mark = { ok: "ok  ", warn: "warn", fail: "FAIL" }[finding.state];
  return `${mark}  ${finding.check}: ${finding.detail}\n${finding.remedy === undefined ? "" : `      → ${finding.remedy}\n`}`;
}

function checkPlatform(): Finding {
  const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
  const known =
    (process.platform === "linux" || process.platform === "darwin") &&
    (process.arch === "x64" || process.arch === "arm64");
  const detail = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
  if (!known)
    return {
      check: "platform",
      state: "fail",
      detail,
      remedy: "Use Linux (glibc) or macOS on x64 or arm64; on Windows use WSL2.",
    };
  if (major < 20 || (major === 20 && minor < 19))
    return { check: "platform", state: "fail", detail, remedy: "Use Node 20.19 or newer." };
  return { check: "platform", state: "ok", detail };
}

function checkMemory(settings: Settings): Finding {
  const detail = `${printSize(Math.round(freemem() / MIB) * MIB)} free of ${printSize(Math.round(totalmem() / MIB) * MIB)}; the engine may use ${printSize(settings.engine.memoryLimit)}`;
  const enough = totalmem() >= settings.engine.memoryLimit * 2 + 512 * MIB;
  return enough
    ? { check: "memory", state: "ok", detail }
    : {
        check: "memory",
        state: "warn",
        detail,
        remedy: "Lower engine.memoryLimit: queries fail sooner, but the host does not run out.",
      };
}

function checkDisk(settings: Settings): Finding {
  const place = existsSync(settings.data) ? settings.data : ".";
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const detail = `${printSize(Math.round(free / MIB) * MIB)} free at ${settings.data}`;
  if (free < GIB)
    return {
      check: "disk",
      state: "fail",
      detail,
      remedy: "Free disk space or lower retention.diskBudget; under a full disk ingest answers 503.",
    };
  if (settings.retention.diskBudget > 0 && free < settings.retention.diskBudget / 4)
    return {
      check: "disk",
      state: "warn",
      detail,
      remedy: `retention.diskBudget (${printSize(settings.retention.diskBudget)}) is far more than what is free; lower it.`,
    };
  return { check: "disk", state: "ok", detail };
}

function checkServer(status: Status, localMs: number): Finding[] {
  const findings: Finding[] = [];
  const { engine } = status;
  const restarts =
    engine.restarts === 0 ? "" : `, ${engine.restarts} restarts (last: ${engine.lastFailure ?? "unknown"})`;
  const detail = `${engine.kind} ClickHouse ${engine.version} is ${engine.state}${restarts}`;
  if (engine.state !== "ready")
    findings.push({
      check: "engine",
      state: "fail",
      detail,
      remedy: "Ingest goes on and nothing is lost; see the log for why it does not start.",
    });
  else if (engine.restarts > 0)
    findings.push({
      check: "engine",
      state: "warn",
      detail,
      remedy: "If memory was the cause, raise engine.memoryLimit or narrow the queries.",
    });
  else findings.push({ check: "engine", state: "ok", detail });

  const skewMs = status.nowMs - localMs;
  findings.push(
    Math.abs(skewMs) > 5000
      ? {
          check: "clock",
          state: "warn",
          detail: `the server's clock is ${(skewMs / 1000).toFixed(1)} s off this host's`,
          remedy: "Synchronise clocks (NTP), or times of one trace will not fit together.",
        }
      : { check: "clock", state: "ok", detail: `within ${Math.abs(Math.round(skewMs))} ms of this host's` },
  );

  for (const [signal, ledger] of Object.entries(status.ledger)) {
    const reasons = ledger.reasons.map(({ reason, count }) => `${count} ${reason}`).join(", ");
    const line = `${ledger.received} received = ${ledger.stored} stored + ${ledger.rejected} rejected + ${ledger.dropped} dropped + ${ledger.pending} pending`;
    if (ledger.missing !== 0)
      findings.push({
        check: signal,
        state: "fail",
        detail: `${line}; ${ledger.missing} are not accounted for`,
        remedy: "This is a defect of Traceo; keep the journal folder and report it.",
      });
    else if (ledger.dropped > 0)
      findings.push({
        check: signal,
        state: "fail",
        detail: `${line} (${reasons})`,
        remedy: "What the engine refused lies in the quarantine folder and can be replayed.",
      });
    else if (ledger.rejected > 0)
      findings.push({
        check: signal,
        state: "warn",
        detail: `${line} (${reasons})`,
        remedy: "The senders' records break OTLP's rules for the reason named.",
      });
    else findings.push({ check: signal, state: "ok", detail: line });
  }
  return findings;
}

/** Loads that the engine refused again and again: needs the right to administer. */
async function checkQuarantine(client: ApiClient): Promise<Finding> {
  const check = "quarantine";
  let quarantined: QuarantineList["quarantined"];
  try {
    ({ quarantined } = await client.get<QuarantineList>("/api/admin/quarantine"));
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { check, state: "warn", detail: `not looked at: ${error.message}`, remedy: "Use a token of kind admin." };
  }
  const [newest] = [...quarantined].sort((a, b) => b.atUnixMs - a.atUnixMs);
  if (newest === undefined) return { check, state: "ok", detail: "empty" };
  const records = quarantined.reduce((sum, { recordCount }) => sum + recordCount, 0);
  return {
    check,
    state: "fail",
    detail: `${records} records in ${quarantined.length} files; the newest: ${newest.name} (${newest.signal}), because: ${newest.reason}`,
    remedy: `When the cause is gone, load them again: curl -X POST ${client.url}/api/admin/quarantine/${newest.name}/replay`,
  };
}

async function checkPort(flag: string, address: string): Promise<Finding> {
  if (address === "off") return { check: `port --${flag}`, state: "ok", detail: "off" };
  const at = address.lastIndexOf(":");
  const error = await new Promise<unknown>((resolve) => {
    const probe = createServer();
    probe.once("error", resolve);
    probe.listen(Number(address.slice(at + 1)), address.slice(0, at).replaceAll(/[[\]]/g, ""), () =>
      probe.close(() => resolve(undefined)),
    );
  });
  if (error === undefined) return { check: `port --${flag}`, state: "ok", detail: `${address} is free` };
  return {
    check: `port --${flag}`,
    state: "fail",
    detail: `${address}: ${describeError(error)}`,
    remedy: `Stop the program that uses it, or choose another port with --${flag}.`,
  };
}
