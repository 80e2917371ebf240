import type { ProbeResult } from "./experiment/steady-state.ts";
import type { Experiment } from "./experiment-file.ts";
import type { LoadOutcome, Phase } from "./load-underway.ts";

/**
 * - `passed`: the steady state held, came back, and the load's thresholds held.
 * - `failed`: one of them did not, or a fault could not be removed.
 * - `aborted`: stopped before its end, by an abort condition, a limit or a person.
 * - `void`: says nothing: no steady state to begin with, or the load generator was the bottleneck.
 */
export type Verdict = "passed" | "failed" | "aborted" | "void";

/** Everything that an experiment did and saw. Times are Unix milliseconds. */
export interface Journal {
  readonly version: 1;
  /** Sorts by time. */
  readonly id: string;
  readonly file: string;
  readonly experiment: Experiment;
  readonly seed: number;
  readonly host: { readonly name: string; readonly node: string; readonly cpus: number };
  readonly startedMs: number;
  readonly endedMs: number;
  readonly verdict: Verdict;
  /** Why it is no pass; empty for one. */
  readonly reasons: readonly string[];
  readonly remarks: readonly string[];
  readonly phases: readonly PhaseEntry[];
  readonly faults: readonly FaultEntry[];
  readonly probes: readonly ProbeEntry[];
  /** From the removal of the last fault until the steady state was back. */
  readonly recoveredAfterMs?: number;
  readonly load?: LoadOutcome;
  /** Faults of earlier experiments that were undone before this one began. */
  readonly undoneBefore: readonly string[];
}

export interface PhaseEntry {
  readonly phase: Phase;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface FaultEntry {
  readonly name: string;
  readonly id: string;
  readonly type: string;
  readonly targets: readonly string[];
  readonly askedMs: number;
  /** When a probe saw it. */
  readonly seenMs?: number;
  /** When a probe saw that it was gone. */
  readonly goneMs?: number;
  readonly endedEarly?: string;
  readonly problem?: string;
}

export interface ProbeEntry extends ProbeResult {
  readonly atMs: number;
  readonly phase: Phase;
}

/** A journal for people. */
export function printJournal(journal: Journal): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const lines = [
    `${journal.verdict.toUpperCase()}  ${journal.experiment.name}  (${seconds(journal.endedMs - journal.startedMs)}, ${journal.id})`,
    ...journal.reasons.map((reason) => `  - ${reason}`),
    "",
    `Steady state: ${journal.experiment.steadyState.title}`,
  ];
  for (const { phase, startedMs, endedMs } of journal.phases) {
    const seen = journal.probes.filter((probe) => probe.phase === phase);
    const bad = seen.filter((probe) => !probe.ok);
    const last = bad.at(-1);
    lines.push(
      `  ${phase.padEnd(9)} ${seconds(endedMs - startedMs).padStart(8)}  ${seen.length - bad.length} of ${seen.length} probes ok${last === undefined ? "" : `; ${last.name}: ${last.detail}`}`,
    );
  }
  lines.push("", "Faults:");
  for (const fault of journal.faults) {
    const seen = fault.seenMs === undefined ? "was never seen" : `seen after ${seconds(fault.seenMs - fault.askedMs)}`;
    const gone = fault.goneMs === undefined ? "NOT SEEN TO BE GONE" : "seen to be gone";
    const early = fault.endedEarly === undefined ? "" : `, ended early (${fault.endedEarly})`;
    lines.push(`  ${fault.name} (${fault.type} on ${fault.targets.join(", ")}): ${seen}${early}, ${gone}`);
  }
  if (journal.faults.length === 0) lines.push("  none was injected");
  if (journal.recoveredAfterMs !== undefined)
    lines.push("", `Recovered ${seconds(journal.recoveredAfterMs)} after the faults were gone.`);
  if (journal.load !== undefined) {
    lines.push("", `Load: ${journal.load.passed ? "thresholds hold" : "a threshold is crossed"}`);
    for (const threshold of journal.load.thresholds)
      lines.push(
        `  ${threshold.passed ? "✓" : "✗"} ${threshold.name}${threshold.value === undefined ? "" : `  ${threshold.value}`}`,
      );
  }
  for (const remark of journal.remarks) lines.push(`Note: ${remark}`);
  return `${lines.join("\n")}\n`;
}
