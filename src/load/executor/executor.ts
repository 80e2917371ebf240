import type { Scenario } from "../options.ts";
import type { Share } from "./segment.ts";
import type { Timeline } from "./timeline.ts";
import { regularDurationMs } from "./user-schedule.ts";

/** A virtual user as executors see it. */
export interface ScenarioUser {
  /**
   * Runs one iteration to its end; never rejects, whatever the script does.
   * @param intendedMs when an open model wanted it to start, in run time
   */
  iterate(intendedMs?: number): Promise<void>;
  /** Ends the iteration that is under way, if any. */
  interrupt(reason: string): void;
}

/** What an executor needs of the run. All times are of the timeline. */
export interface ScenarioHost {
  readonly timeline: Timeline;
  readonly share: Share;
  /** The run ends now: no iteration is started any more. Those under way are interrupted by the host. */
  readonly signal: AbortSignal;
  /** Takes a user that was made before the start. */
  take(): ScenarioUser;
  /** Makes one more while the run goes on: its init code runs, so this takes time. Rejects when that fails. */
  make(): Promise<ScenarioUser>;
  give(user: ScenarioUser): void;
  /** Iterations that were due and never started. */
  drop(count: number): void;
  warn(text: string): void;
  /** Lets others have the event loop when it has been held for long; called between iterations. */
  breathe(): Promise<void> | undefined;
}

/** A scenario under way. */
export interface Execution {
  /** Ends when all its iterations have ended and its users are given back. */
  readonly ended: Promise<void>;
  /** 0 to 1. */
  progress(): number;
}

/** Starts now: `host.timeline.nowMs()` is the scenario's zero. */
export type Executor<Kind extends Scenario["executor"]> = (
  scenario: Extract<Scenario, { readonly executor: Kind }>,
  host: ScenarioHost,
) => Execution;

/** The window in which iterations start, and the users at work in it. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
  isOpen(): boolean;
  /** Settles when the window closes: by time, by `close` or because the run ends. */
  readonly closed: Promise<void>;
  close(): void;
  /** While it works the user is interrupted when the graceful stop runs out. */
  readonly working: Set<ScenarioUser>;
  timeFraction(): number;
  /** To be called when the scenario has ended. */
  dispose(): void;
}

export function openWindow(scenario: Scenario, { timeline, signal }: ScenarioHost): Window {
  const startMs = timeline.nowMs();
  const endMs = startMs + regularDurationMs(scenario);
  const working = new Set<ScenarioUser>();
  let open = !signal.aborted;
  let settle = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const close = (): void => {
    open = false;
    settle();
  };
  if (!open) settle();
  signal.addEventListener("abort", close, { once: true });
  const atEnd = timeline.at(endMs, close);
  const atStop = timeline.at(endMs + scenario.gracefulStopMs, () => {
    for (const user of [...working]) user.interrupt("the scenario's time and its gracefulStop are over");
  });
  return {
    startMs,
    endMs,
    isOpen: () => open && timeline.nowMs() < endMs,
    closed,
    close,
    working,
    timeFraction: () => Math.min(1, (timeline.nowMs() - startMs) / (endMs - startMs || 1)),
    dispose: () => {
      atEnd();
      atStop();
      signal.removeEventListener("abort", close);
      close();
    },
  };
}

/** One user's iterations, one after the other, as long as `mayStart` says so. */
export async function iterateWhile(
  user: ScenarioUser,
  mayStart: () => boolean,
  window: Window,
  host: ScenarioHost,
): Promise<void> {
  window.working.add(user);
  while (mayStart()) {
    await user.iterate();
    const breath = host.breathe();
    if (breath !== undefined) await breath;
  }
  window.working.delete(user);
}
