import { memoryUsage, resourceUsage } from "node:process";
import { SIGNALS } from "#model/batch.ts";
import type { ApiDependencies } from "./dependencies.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | null | undefined];

const ENGINE_STATES = ["starting", "ready", "restarting", "failed", "closed"] as const;

/** What this process says of itself in Prometheus' text format 0.0.4. Metrics without a value are left out. */
export function printMetrics(dependencies: ApiDependencies, startedMs: number): string {
  const { version, residentBytes, memoryLimitBytes, restarts, state, kind } = dependencies.engine.status();
  const ledger = dependencies.ingestLedger();
  const ofSignals = (field: "received" | "stored" | "rejected" | "dropped" | "pending" | "missing"): Sample[] =>
    SIGNALS.map((signal) => [{ signal }, ledger[signal][field]]);
  const disk = dependencies.disk();
  const usage = resourceUsage();
  const memory = memoryUsage();
  return [
    family("traceo_build_info", "gauge", "Version of this program and of its engine.", [
      [{ version: dependencies.version, engine: kind, engine_version: version }, 1],
    ]),
    family(
      "traceo_records_received_total",
      "counter",
      "Records that senders were answered for.",
      ofSignals("received"),
    ),
    family("traceo_records_stored_total", "counter", "Records that are in the engine.", ofSignals("stored")),
    family("traceo_records_rejected_total", "counter", "Records refused, and said so.", ofSignals("rejected")),
    family(
      "traceo_records_dropped_total",
      "counter",
      "Records given up after they were accepted.",
      ofSignals("dropped"),
    ),
    family("traceo_records_pending", "gauge", "Records that are kept and not yet loaded.", ofSignals("pending")),
    family(
      "traceo_records_missing",
      "gauge",
      "received - stored - rejected - dropped - pending: anything but 0 is a loss.",
      ofSignals("missing"),
    ),
    family(
      "traceo_records_refused_by_reason_total",
      "counter",
      "Records rejected or dropped, by reason.",
      SIGNALS.flatMap((signal) =>
        ledger[signal].reasons.map(({ reason, count }): Sample => [{ signal, reason }, count]),
      ),
    ),
    family(
      "traceo_requests_refused_total",
      "counter",
      "Requests answered with an error, whose records the sender still has.",
      SIGNALS.map((signal) => [{ signal }, ledger[signal].refusedRequests]),
    ),
    family(
      "traceo_receiver_limit_met_total",
      "counter",
      "How often each limit of the receivers was met.",
      Object.entries(dependencies.limits?.() ?? {}).map(([limit, count]) => [{ limit }, count]),
    ),
    family(
      "traceo_engine_state",
      "gauge",
      "1 for the state the engine is in.",
      ENGINE_STATES.map((each) => [{ state: each }, each === state ? 1 : 0]),
    ),
    family("traceo_engine_restarts_total", "counter", "Times the engine was started again.", [[{}, restarts]]),
    family("traceo_engine_resident_memory_bytes", "gauge", "Memory of the embedded engine.", [[{}, residentBytes]]),
    family("traceo_engine_memory_limit_bytes", "gauge", "Memory the engine may use.", [[{}, memoryLimitBytes]]),
    family("traceo_disk_used_bytes", "gauge", "Disk space that the data takes.", [[{}, disk.usedBytes]]),
    family("traceo_disk_budget_bytes", "gauge", "Disk space that the data may take.", [[{}, disk.budgetBytes]]),
    family("traceo_disk_free_bytes", "gauge", "Disk space that is left.", [[{}, disk.freeBytes]]),
    family("process_cpu_seconds_total", "counter", "Processor time of this process, user and system.", [
      [{}, (usage.userCPUTime + usage.systemCPUTime) / 1e6],
    ]),
    family("process_resident_memory_bytes", "gauge", "Memory of this process.", [[{}, memory.rss]]),
    family("process_start_time_seconds", "gauge", "When this process started, Unix time.", [[{}, startedMs / 1000]]),
    family("nodejs_heap_size_used_bytes", "gauge", "JavaScript heap in use.", [[{}, memory.heapUsed]]),
    family("nodejs_external_memory_bytes", "gauge", "Memory outside of the heap that JavaScript holds.", [
      [{}, memory.external],
    ]),
  ].join("");
}

function family(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(([labels, value]) =>
    value === null || value === undefined ? [] : [`${name}${printLabels(labels)} ${value}\n`],
  );
  return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function printLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quote(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function quote(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
