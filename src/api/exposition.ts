import { SIGNALS } from "#model/batch.ts";
import type { ApiDependencies } from "./dependencies.ts";

const ENGINE_STATES = ["starting", "ready", "restarting", "failed", "closed"] as const;

/** Our own state in Prometheus' text format 0.0.4: the ledger, the engine, the process. */
export function exposition(dependencies: ApiDependencies, startedMs: number): string {
  const lines: string[] = [];
  const family = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[],
  ): void => {
    if (samples.length === 0) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of samples) {
      const text = Object.entries(labels)
        .map(
          ([label, of]) => `${label}="${of.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
        )
        .join(",");
      lines.push(`${name}${text === "" ? "" : `{${text}}`} ${value}`);
    }
  };
  const ledger = dependencies.ingestLedger();
  const states = ["received", "stored", "rejected", "dropped"] as const;
  family(
    "traceo_records_total",
    "counter",
    "Records by what became of them; received = stored + rejected + dropped + pending.",
    SIGNALS.flatMap((signal) => states.map((state) => [{ signal, state }, ledger[signal][state]] as const)),
  );
  family(
    "traceo_records_pending",
    "gauge",
    "Records acknowledged and not yet stored.",
    SIGNALS.map((signal) => [{ signal }, ledger[signal].pending] as const),
  );
  family(
    "traceo_records_missing",
    "gauge",
    "received - stored - rejected - dropped - pending; 0 unless something is lost.",
    SIGNALS.map((signal) => [{ signal }, ledger[signal].missing] as const),
  );
  family(
    "traceo_records_refused_total",
    "counter",
    "Records rejected or dropped, by reason.",
    SIGNALS.flatMap((signal) =>
      ledger[signal].reasons.map(({ reason, count }) => [{ signal, reason }, count] as const),
    ),
  );
  family(
    "traceo_requests_refused_total",
    "counter",
    "Requests of senders that were refused as a whole.",
    SIGNALS.map((signal) => [{ signal }, ledger[signal].refusedRequests] as const),
  );
  family(
    "traceo_receiver_limit_met_total",
    "counter",
    "How often each limit of the receivers was met.",
    Object.entries(dependencies.limits?.() ?? {}).map(([limit, count]) => [{ limit }, count] as const),
  );
  const engine = dependencies.engine.status();
  family("traceo_engine_ready", "gauge", "1 while the engine takes statements.", [
    [{}, engine.state === "ready" ? 1 : 0],
  ]);
  family(
    "traceo_engine_state",
    "gauge",
    "1 for the state the engine is in.",
    ENGINE_STATES.map((state) => [{ state }, state === engine.state ? 1 : 0] as const),
  );
  family("traceo_engine_restarts_total", "counter", "Restarts of the engine.", [[{}, engine.restarts]]);
  if (engine.residentBytes !== undefined)
    family("traceo_engine_resident_memory_bytes", "gauge", "Resident memory of the engine.", [
      [{}, engine.residentBytes],
    ]);
  if (engine.memoryLimitBytes !== undefined)
    family("traceo_engine_memory_limit_bytes", "gauge", "Memory that the engine may use.", [
      [{}, engine.memoryLimitBytes],
    ]);
  const disk = dependencies.disk();
  family("traceo_disk_used_bytes", "gauge", "Disk that the data takes.", [[{}, disk.usedBytes]]);
  family("traceo_disk_free_bytes", "gauge", "Disk that is free.", [[{}, disk.freeBytes]]);
  const { user, system } = process.cpuUsage();
  family("process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.", [
    [{}, (user + system) / 1e6],
  ]);
  family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", [[{}, process.memoryUsage.rss()]]);
  family("process_start_time_seconds", "gauge", "Start time since the Unix epoch in seconds.", [
    [{}, startedMs / 1000],
  ]);
  family("traceo_info", "gauge", "The version.", [[{ version: dependencies.version }, 1]]);
  return `${lines.join("\n")}\n`;
}
