import { type Executor, iterateWhile, openWindow, type ScenarioUser } from "./executor.ts";
import type { Cancel } from "./timeline.ts";
import { rampSteps } from "./user-schedule.ts";

/**
 * A number of users that goes up and down. A place whose turn is over finishes its iteration within gracefulRampDown; when
 * its turn comes again before that it simply goes on.
 *
 *     empty ──step up──► running ──step down──► leaving ──iteration ends──► empty
 *                           ▲                      │ step up: the deadline is taken back
 *                           └──────────────────────┘ gracefulRampDown over: interrupted
 */
export const rampingVus: Executor<"ramping-vus"> = (scenario, host) => {
  const window = openWindow(scenario, host);
  const steps = rampSteps(scenario.startVUs, scenario.stages, host.share);
  const places: Place[] = [];
  const running = new Set<Promise<void>>();
  let wanted = 0;

  const start = (place: Place): void => {
    place.cancelDeadline?.();
    place.cancelDeadline = undefined;
    place.wanted = true;
    if (place.user !== undefined) return;
    const user = host.take();
    place.user = user;
    const run = iterateWhile(user, () => place.wanted && window.isOpen(), window, host).then(() => {
      place.cancelDeadline?.();
      place.cancelDeadline = undefined;
      place.user = undefined;
      host.give(user);
      running.delete(run);
    });
    running.add(run);
  };
  const leave = (place: Place): void => {
    place.wanted = false;
    const { user } = place;
    if (user === undefined) return;
    place.cancelDeadline = host.timeline.at(host.timeline.nowMs() + scenario.gracefulRampDownMs, () =>
      user.interrupt("its turn in the ramp and gracefulRampDown are over"),
    );
  };
  const follow = (users: number): void => {
    for (; wanted < users; wanted += 1) {
      places[wanted] ??= { wanted: false, user: undefined, cancelDeadline: undefined };
      start(places[wanted]!);
    }
    for (; wanted > users; wanted -= 1) leave(places[wanted - 1]!);
  };

  let next = 0;
  let cancelNext: Cancel = () => undefined;
  const advance = (): void => {
    while (next < steps.length && window.startMs + steps[next]!.atMs <= host.timeline.nowMs()) {
      follow(steps[next]!.users);
      next += 1;
    }
    if (next < steps.length) cancelNext = host.timeline.at(window.startMs + steps[next]!.atMs, advance);
  };
  if (window.isOpen()) advance();

  const ended = async (): Promise<void> => {
    await window.closed;
    cancelNext();
    while (running.size > 0) await Promise.all(running);
    window.dispose();
  };
  return { ended: ended(), progress: window.timeFraction };
};

interface Place {
  wanted: boolean;
  user: ScenarioUser | undefined;
  cancelDeadline: Cancel | undefined;
}
