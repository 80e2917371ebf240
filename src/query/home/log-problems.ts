import { wilsonInterval } from "#math/proportion.ts";
import { severityName } from "../severity.ts";
import { sparkline } from "../sparkline.ts";
import { unixMs } from "../time.ts";
import { HISTORY_MINUTES, type History, type LogHistory } from "./history.ts";
import type { FoundProblem } from "./problem.ts";
import { sayTime } from "./wording.ts";

/** It goes on while the last minutes, the present one among them, hold at least this part of what they would at its rate. */
const STILL_MINUTES = 2;
const STILL = 1 / 3;
/** The present run of lines ends where so many minutes had none. */
const MOST_SILENT_MINUTES = 1;
const LONGEST_MINUTES = 30;
const LEAST_LINES = 3;
/** Lines come at least this many times as often as before, beyond doubt. */
const LEAST_FACTOR = 3;
const Z = 3.3;
const ERROR = 17;
const FATAL = 21;

/** Templates of warnings and errors that are new, or come many times as often as in the hour before. */
export function findLogProblems(history: History): FoundProblem[] {
  const firstMinutes = firstMinuteOfServices(history);
  return history.logs.flatMap((log): FoundProblem[] => {
    const rise = findMore(log, firstMinutes.get(log.service)!);
    if (rise === null) return [];
    const { at, now, before, minutesBefore } = rise;
    const sinceMs = unixMs(history.minutes.startUnixNano + BigInt(at) * history.minutes.stepNs);
    const level = severityName(log.severityNumber);
    const shown = log.template === "" ? "lines without a pattern" : quote(log.template);
    return [
      {
        id: `log-errors:${log.service}:${log.severityNumber}:${log.template}`,
        kind: "log-errors",
        title: `${log.service}: ${before === 0 ? `new ${level} line` : `more ${level} lines`}`,
        brief: `${log.service} logs ${shown} (${now} times)`,
        detail: `${shown}: ${now} since ${sayTime(sinceMs)}; ${before === 0 ? "none" : before} in the ${minutesBefore} min before.`,
        service: log.service,
        operation: null,
        sinceMs,
        score: Math.min(
          0.7,
          (log.severityNumber >= ERROR ? 0.3 : 0.15) +
            0.06 * Math.log10(now) +
            0.01 * wording(log.template) +
            (log.severityNumber >= FATAL ? 0.2 : 0),
        ),
        now,
        before,
        unit: "count",
        sparkline: sparkline(history.minutes, log.count),
        differences: [],
        target: {
          view: "logs",
          fromMs: sinceMs,
          toMs: history.steps.endMs,
          where: [
            { field: "service", op: "=", values: [log.service] },
            { field: "severity", op: ">=", values: [level] },
            ...(log.template === "" ? [] : [{ field: "template", op: "=" as const, values: [log.template] }]),
          ],
        },
      },
    ];
  });
}

interface More {
  readonly at: number;
  readonly now: number;
  readonly before: number;
  readonly minutesBefore: number;
}

/**
 * Where a template began to come more often, if it did beyond doubt: given all its lines, how many fall into the time since is
 * binomial, which bounds the ratio of the two rates (Przyborowski and Wilenski, Biometrika 31 (1940) 313-323). A service that
 * began to log minutes ago has had little time to say everything that it usually says, and needs more lines.
 */
function findMore(log: LogHistory, firstMinute: number): More | null {
  let best: (More & { readonly factor: number }) | null = null;
  let silent = 0;
  let now = 0;
  const total = log.count.reduce((sum, count) => sum + count, 0);
  const earliest = Math.max(firstMinute + 1, HISTORY_MINUTES - LONGEST_MINUTES);
  for (let at = HISTORY_MINUTES - 1; at >= earliest; at--) {
    now += log.count[at]!;
    silent = log.count[at]! > 0 ? 0 : silent + 1;
    if (silent > MOST_SILENT_MINUTES) break;
    if (log.count[at] === 0 || now < LEAST_LINES) continue;
    const share = wilsonInterval(now, total, Z).low;
    const factor = (share / (1 - share)) * ((at - firstMinute) / (HISTORY_MINUTES - at));
    if (factor < LEAST_FACTOR || !goesOn(log.count, at, now)) continue;
    if (best === null || factor > best.factor)
      best = { at, now, before: total - now, minutesBefore: at - firstMinute, factor };
  }
  return best;
}

function goesOn(count: readonly number[], at: number, now: number): boolean {
  const minutes = HISTORY_MINUTES - at;
  if (minutes <= STILL_MINUTES) return true;
  const last = count.slice(-STILL_MINUTES).reduce((sum, lines) => sum + lines, 0);
  return last >= (STILL * now * STILL_MINUTES) / minutes;
}

/** When each service first said anything within the history, span or line: before that, silence means nothing. */
function firstMinuteOfServices(history: History): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  const see = (service: string, counts: readonly number[]): void => {
    const at = counts.findIndex((count) => count > 0);
    if (at >= 0) first.set(service, Math.min(at, first.get(service) ?? HISTORY_MINUTES));
  };
  for (const [service, counts] of history.logsByService) see(service, counts);
  for (const operation of history.operations) see(operation.service, operation.byMinute.count);
  return first;
}

/** How much of a template is words that a person wrote, 0 to 1: of lines that say the same the telling one goes first. */
function wording(template: string): number {
  const letters = template.replaceAll(/[^\p{L} ]/gu, "").length;
  return template === "" ? 0 : letters / template.length;
}

function quote(template: string): string {
  return `“${template.length > 120 ? `${template.slice(0, 119)}…` : template}”`;
}
