import { type ArrivalSchedule, constantArrivals, rampingArrivals } from "./arrival-schedule.ts";
import { type Execution, type Executor, openWindow, type ScenarioHost, type ScenarioUser } from "./executor.ts";

/** Iterations start at a fixed rate, however long they take. */
export const constantArrivalRate: Executor<"constant-arrival-rate"> = (scenario, host) =>
  followArrivals(scenario, constantArrivals(scenario.rate, scenario.timeUnitMs, scenario.durationMs, host.share), host);

/** Iterations start at a rate that moves through stages. */
export const rampingArrivalRate: Executor<"ramping-arrival-rate"> = (scenario, host) =>
  followArrivals(scenario, rampingArrivals(scenario.startRate, scenario.timeUnitMs, scenario.stages, host.share), host);

/**
 * The open model. The schedule is absolute, so a late timer delays starts and never moves the rate; iterations that find no
 * free user are dropped and counted. Then one more user is made in the background (one at a time, up to maxVUs).
 */
function followArrivals(
  scenario: Parameters<typeof constantArrivalRate>[0] | Parameters<typeof rampingArrivalRate>[0],
  arrivals: ArrivalSchedule,
  host: ScenarioHost,
): Execution {
  const window = openWindow(scenario, host);
  const free: ScenarioUser[] = Array.from({ length: host.share.scale(scenario.preAllocatedVUs) }, () => host.take());
  // Users take turns: those at the head have waited longest.
  let head = 0;
  let left = host.share.scale(scenario.maxVUs) - free.length;
  let users = free.length;
  let making: Promise<void> | undefined;
  const running = new Set<Promise<void>>();
  let isWarned = false;

  const release = (user: ScenarioUser): void => {
    window.working.delete(user);
    free.push(user);
    if (head > 1024 && head * 2 > free.length) {
      free.splice(0, head);
      head = 0;
    }
  };
  const start = (user: ScenarioUser, intendedMs: number): void => {
    window.working.add(user);
    const run: Promise<void> = user.iterate(intendedMs).then(() => {
      running.delete(run);
      release(user);
    });
    running.add(run);
  };
  const makeOneMore = (): void => {
    if (making !== undefined) return;
    if (left <= 0) {
      if (!isWarned)
        host.warn(
          `Insufficient VUs, reached ${users} active VUs and cannot initialize more: iterations are dropped. Raise maxVUs, or find what slows the iterations down.`,
        );
      isWarned = true;
      return;
    }
    left -= 1;
    making = host.make().then(
      (user) => {
        making = undefined;
        users += 1;
        free.push(user);
      },
      (error: unknown) => {
        making = undefined;
        host.warn(`A new VU could not be initialized: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  };
  const tick = (): void => {
    const now = host.timeline.nowMs();
    while (!host.signal.aborted && window.startMs + arrivals.peek() <= now) {
      const intendedMs = window.startMs + arrivals.next();
      const user = free[head];
      if (user !== undefined) {
        head += 1;
        start(user, intendedMs);
      } else {
        host.drop(1);
        makeOneMore();
      }
    }
  };
  const cancelPulse = host.timeline.pulse(tick);
  tick();

  const ended = async (): Promise<void> => {
    await window.closed;
    // What was due in the last millisecond belongs to the schedule, also when no tick came in between.
    tick();
    cancelPulse();
    while (running.size > 0) await Promise.all(running);
    await making;
    window.dispose();
    for (const user of free.slice(head)) host.give(user);
  };
  return { ended: ended(), progress: window.timeFraction };
}
