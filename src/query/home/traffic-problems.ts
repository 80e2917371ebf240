import { median, medianDeviation } from "#math/robust.ts";
import { sparkline } from "../sparkline.ts";
import { unixMs } from "../time.ts";
import { HISTORY_MINUTES, type History } from "./history.ts";
import type { FoundProblem } from "./problem.ts";
import { sayTime } from "./wording.ts";

/** Minutes that must be there before traffic can have a before. */
const LEAST_MINUTES = 10;
const LEAST_PER_MINUTE = 10;
const DROP = 0.4;
const RISE = 2.5;
/** The last two minutes that are over. */
const NOW = [HISTORY_MINUTES - 3, HISTORY_MINUTES - 2];

/** Services that answer much less or more than in the hour before, and those that say nothing any more. */
export function findTrafficProblems(history: History): FoundProblem[] {
  const entries = new Map<string, number[]>();
  const anything = new Map<string, number[]>();
  const add = (to: Map<string, number[]>, service: string, counts: readonly number[]): void => {
    const list = to.get(service) ?? new Array<number>(HISTORY_MINUTES).fill(0);
    for (const [minute, count] of counts.entries()) list[minute]! += count;
    to.set(service, list);
  };
  for (const operation of history.operations) {
    add(anything, operation.service, operation.byMinute.count);
    if (operation.kind === "server" || operation.kind === "consumer")
      add(entries, operation.service, operation.byMinute.count);
  }
  for (const [service, counts] of history.logsByService) add(anything, service, counts);
  const problems: FoundProblem[] = [];
  for (const [service, counts] of anything) {
    const silent = silence(history, service, counts);
    if (silent !== null) problems.push(silent);
    else {
      const answered = entries.get(service);
      const change = answered === undefined ? null : shift(history, service, answered);
      if (change !== null) problems.push(change);
    }
  }
  return problems;
}

function silence(history: History, service: string, counts: readonly number[]): FoundProblem | null {
  const last = counts.findLastIndex((count) => count > 0);
  if (last < 0 || last >= HISTORY_MINUTES - 3) return null;
  const spoken = counts.slice(0, last + 1).filter((count) => count > 0);
  const before = median(spoken);
  // Spoke in most minutes of its time, or silence is its habit.
  const first = counts.findIndex((count) => count > 0);
  if (spoken.length < LEAST_MINUTES || before < 5 || spoken.length < 0.8 * (last - first + 1)) return null;
  const sinceMs = minuteMs(history, last + 1);
  return {
    id: `silent:${service}`,
    kind: "silent",
    title: `${service} says nothing any more`,
    detail: `No span and no log line since ${sayTime(sinceMs)}; before it were ${Math.round(before)} a minute.`,
    service,
    operation: null,
    sinceMs,
    score: 0.7,
    now: 0,
    before: before / 60,
    unit: "per-second",
    sparkline: sparkline(history.minutes, counts.slice()),
    differences: [],
    target: {
      view: "logs",
      fromMs: minuteMs(history, Math.max(0, last - 5)),
      toMs: minuteMs(history, last + 2),
      where: [{ field: "service", op: "=", values: [service] }],
    },
  };
}

function shift(history: History, service: string, counts: readonly number[]): FoundProblem | null {
  const first = counts.findIndex((count) => count > 0);
  const before = counts.slice(Math.max(0, first), NOW[0]);
  if (first < 0 || before.length < LEAST_MINUTES) return null;
  const usual = median(before);
  const now = (counts[NOW[0]!]! + counts[NOW[1]!]!) / 2;
  // Counts vary by their root at least, whatever the last hour happened to show.
  const deviation = Math.max(medianDeviation(before), Math.sqrt(usual), 1);
  const dropped = usual >= LEAST_PER_MINUTE && now < DROP * usual && usual - now > 4 * deviation;
  const risen = now >= LEAST_PER_MINUTE && now > RISE * usual && now - usual > 6 * deviation;
  if (!dropped && !risen) return null;
  let at = NOW[0]!;
  while (at > 0 && (dropped ? counts[at - 1]! < (usual + now) / 2 : counts[at - 1]! > (usual + now) / 2)) at--;
  const sinceMs = minuteMs(history, at);
  return {
    id: `traffic:${service}`,
    kind: "traffic",
    title: `${service} gets ${dropped ? "less" : "more"} traffic`,
    detail: `${Math.round(now)} requests a minute since ${sayTime(sinceMs)}; before it were ${Math.round(usual)}.`,
    service,
    operation: null,
    sinceMs,
    score: dropped ? 0.25 + 0.3 * (1 - now / usual) : 0.15 + 0.05 * Math.min(4, Math.log2(now / Math.max(1, usual))),
    now: now / 60,
    before: usual / 60,
    unit: "per-second",
    sparkline: sparkline(
      history.minutes,
      counts.map((count, minute) => (minute === HISTORY_MINUTES - 1 ? null : count / 60)),
    ),
    differences: [],
    target: {
      view: "traces",
      fromMs: sinceMs,
      toMs: minuteMs(history, HISTORY_MINUTES),
      where: [{ field: "service", op: "=", values: [service] }],
    },
  };
}

function minuteMs(history: History, minute: number): number {
  return unixMs(history.minutes.startUnixNano + BigInt(minute) * history.minutes.stepNs);
}
