import type { Scenario, Stage } from "../options.ts";
import type { Share } from "./segment.ts";

/** From `atMs` on this many users. */
export interface UserStep {
  readonly atMs: number;
  readonly users: number;
}

/**
 * The ramps of ramping-vus as steps. While the whole climbs from a to b over d, user n (a < n ≤ b) comes at d·(n − a)/(b − a);
 * while it falls from a to b, user n (a ≥ n > b) goes at d·(a − n + 1)/(a − b). A share follows only its own users among
 * them, so that several generators together make the steps of one.
 */
export function rampSteps(startUsers: number, stages: readonly Stage[], share: Share): readonly UserStep[] {
  const steps: UserStep[] = [{ atMs: 0, users: share.scale(startUsers) }];
  const add = (atMs: number, users: number): void => {
    const last = steps.at(-1)!;
    if (last.users === users) return;
    if (last.atMs === atMs) steps[steps.length - 1] = { atMs, users };
    else steps.push({ atMs, users });
  };
  let [startMs, from] = [0, startUsers];
  for (const { durationMs, target } of stages) {
    const endMs = startMs + durationMs;
    if (durationMs === 0) add(startMs, share.scale(target));
    else if (target > from) {
      // Own users with places from..target-1 (a place is a user's number less one).
      for (let own = share.scale(from); own < share.scale(target); own += 1)
        add(startMs + (durationMs * (share.placeOf(own) + 1 - from)) / (target - from), own + 1);
    } else {
      for (let own = share.scale(from); own > share.scale(target); own -= 1)
        add(startMs + (durationMs * (from - share.placeOf(own - 1))) / (from - target), own - 1);
    }
    startMs = endMs;
    from = target;
  }
  return steps;
}

/** How long the scenario starts iterations, from its own start on. */
export function regularDurationMs(scenario: Scenario): number {
  switch (scenario.executor) {
    case "shared-iterations":
    case "per-vu-iterations":
      return scenario.maxDurationMs;
    case "constant-vus":
    case "constant-arrival-rate":
      return scenario.durationMs;
    case "ramping-vus":
    case "ramping-arrival-rate":
      return scenario.stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  }
}

/** The longest it can take, from the start of the run on: its start, its duration and the wait for what is under way. */
export function latestEndMs(scenario: Scenario): number {
  return scenario.startTimeMs + regularDurationMs(scenario) + scenario.gracefulStopMs;
}

/** What a scenario may need, from the start of the run on. */
interface Need {
  readonly fromMs: number;
  readonly toMs: number;
  readonly users: number;
}

function needsOf(scenario: Scenario, share: Share): { readonly planned: readonly Need[]; readonly unplanned: number } {
  const fromMs = scenario.startTimeMs;
  const toMs = latestEndMs(scenario);
  switch (scenario.executor) {
    case "shared-iterations":
    case "per-vu-iterations":
    case "constant-vus":
      return { planned: [{ fromMs, toMs, users: share.scale(scenario.vus) }], unplanned: 0 };
    case "constant-arrival-rate":
    case "ramping-arrival-rate": {
      const users = share.scale(scenario.preAllocatedVUs);
      return { planned: [{ fromMs, toMs, users }], unplanned: share.scale(scenario.maxVUs) - users };
    }
    case "ramping-vus": {
      const steps = rampSteps(scenario.startVUs, scenario.stages, share);
      const regularEndMs = regularDurationMs(scenario);
      // A user that has to go may take gracefulRampDown to do so (past the end: gracefulStop): until then it is needed.
      const planned = steps.map(({ atMs, users }, index): Need => {
        const endMs = steps[index + 1]?.atMs ?? regularEndMs;
        const leftMs = endMs >= regularEndMs ? toMs : fromMs + endMs + scenario.gracefulRampDownMs;
        return { fromMs: fromMs + atMs, toMs: Math.min(toMs, leftMs), users };
      });
      return { planned, unplanned: 0 };
    }
  }
}

export interface UserNeeds {
  /** Users to make before the start: the most that scenarios running at one time are sure to need. */
  readonly planned: number;
  /** With those that arrival rates may start in addition. */
  readonly max: number;
}

/** Users are shared: scenarios that follow each other use the same ones. */
export function userNeeds(scenarios: Readonly<Record<string, Scenario>>, share: Share): UserNeeds {
  let extra = 0;
  const changes: (readonly [atMs: number, change: number])[] = [];
  for (const scenario of Object.values(scenarios)) {
    const { planned, unplanned } = needsOf(scenario, share);
    extra += unplanned;
    for (const step of envelope(planned)) changes.push(step);
  }
  // At one moment those who go make room first.
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let [users, most] = [0, 0];
  for (const [, change] of changes) {
    users += change;
    most = Math.max(most, users);
  }
  return { planned: most, max: most + extra };
}

/** Needs of one scenario overlap without adding up: at each moment the largest of them counts. */
function envelope(needs: readonly Need[]): readonly (readonly [atMs: number, change: number])[] {
  const moments = [...new Set(needs.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort((a, b) => a - b);
  const open: Need[] = [];
  const byStart = [...needs].sort((a, b) => a.fromMs - b.fromMs);
  let [next, users] = [0, 0];
  return moments.flatMap((atMs) => {
    for (let index = open.length - 1; index >= 0; index -= 1) if (open[index]!.toMs <= atMs) open.splice(index, 1);
    while (next < byStart.length && byStart[next]!.fromMs <= atMs) {
      if (byStart[next]!.toMs > atMs) open.push(byStart[next]!);
      next += 1;
    }
    const now = open.reduce((most, need) => Math.max(most, need.users), 0);
    const change = now - users;
    users = now;
    return change === 0 ? [] : [[atMs, change] as const];
  });
}
