import { severityName } from "../severity.ts";
import { sparkline } from "../sparkline.ts";
import { unixMs } from "../time.ts";
import { HISTORY_MINUTES, type MinuteHistory } from "./minute-history.ts";
import type { FoundProblem } from "./problem.ts";
import { sayTime } from "./wording.ts";

const RECENT_MINUTES = 6;
const LEAST_LINES = 2;
/** A known template counts when it comes this many times as often as before. */
const LEAST_FACTOR = 5;
const ERROR = 17;

/** Templates of warnings and errors that were not seen in the hour before, or come many times as often. */
export function findLogProblems(history: MinuteHistory): FoundProblem[] {
  const recent = HISTORY_MINUTES - RECENT_MINUTES;
  return history.logs.flatMap((log): FoundProblem[] => {
    const lines = history.logsByService.get(log.service);
    // A service that only just began to log has no before.
    if (lines === undefined || sum(lines, 0, recent) + earlierLines(lines) === 0) return [];
    const at = onset(log.count);
    if (at === null) return [];
    const before = sum(log.count, 0, at);
    const now = sum(log.count, at, HISTORY_MINUTES);
    if (now < LEAST_LINES) return [];
    const firstLine = lines.findIndex((count) => count > 0);
    const minutesBefore = Math.max(1, at - firstLine);
    if (at <= firstLine) return [];
    const rateBefore = before / minutesBefore;
    const rateNow = now / (HISTORY_MINUTES - at);
    const fresh = before === 0;
    if (!fresh && (rateNow < LEAST_FACTOR * rateBefore || now < 10)) return [];
    const failed = log.severityNumber >= ERROR;
    const sinceMs = unixMs(history.minutes.startUnixNano + BigInt(at) * history.minutes.stepNs);
    const shown = log.template === "" ? "lines without a pattern" : quote(log.template);
    return [
      {
        id: `log-errors:${log.service}:${log.severityNumber}:${log.template}`,
        kind: "log-errors",
        title: `${log.service}: ${fresh ? "new" : "more"} ${severityName(log.severityNumber)} ${fresh ? "line" : "lines"}`,
        detail: `${shown}: ${now} since ${sayTime(sinceMs)}${fresh ? ", never in the hour before" : `; before ${before} in ${minutesBefore} min`}.`,
        service: log.service,
        operation: null,
        sinceMs,
        score: Math.min(1, (failed ? 0.4 : 0.22) + 0.06 * Math.log10(now) + (log.severityNumber >= 21 ? 0.2 : 0)),
        now,
        before,
        unit: "count",
        sparkline: sparkline(history.minutes, log.count),
        differences: [],
        target: {
          view: "logs",
          fromMs: sinceMs,
          toMs: unixMs(history.minutes.startUnixNano + BigInt(HISTORY_MINUTES) * history.minutes.stepNs),
          where: [
            { field: "service", op: "=", values: [log.service] },
            { field: "severity", op: ">=", values: [severityName(log.severityNumber)] },
            ...(log.template === "" ? [] : [{ field: "template", op: "=" as const, values: [log.template] }]),
          ],
        },
      },
    ];
  });
}

/** First minute of the present run of lines: none of the minutes since was silent for long. Null if it is over. */
function onset(count: readonly number[]): number | null {
  let at: number | null = null;
  let silent = 0;
  for (let minute = HISTORY_MINUTES - 1; minute >= 0; minute--) {
    if (count[minute]! > 0) {
      at = minute;
      silent = 0;
    } else if (++silent > 3) break;
  }
  return at !== null && at >= HISTORY_MINUTES - 30 && lastSeen(count) >= HISTORY_MINUTES - RECENT_MINUTES ? at : null;
}

function lastSeen(count: readonly number[]): number {
  return count.findLastIndex((lines) => lines > 0);
}

function sum(list: readonly number[], from: number, to: number): number {
  let total = 0;
  for (let index = from; index < to; index++) total += list[index]!;
  return total;
}

/** Lines of the recent minutes but the last two: what a service that started minutes ago logged before. */
function earlierLines(lines: readonly number[]): number {
  return sum(lines, HISTORY_MINUTES - RECENT_MINUTES, HISTORY_MINUTES - 2);
}

function quote(template: string): string {
  return `“${template.length > 120 ? `${template.slice(0, 119)}…` : template}”`;
}
