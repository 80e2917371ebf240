import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scenario, Stage } from "../options.ts";
import { arrivalRateAt, type constantArrivals, rampingArrivals } from "./arrival-schedule.ts";
import type { Execution, ScenarioHost, ScenarioUser } from "./executor.ts";
import { shareOf } from "./segment.ts";
import { startScenario } from "./start-scenario.ts";
import { rampSteps, userNeeds } from "./user-schedule.ts";
import { type VirtualTimeline, virtualTimeline } from "./virtual-timeline.suite.ts";

const whole = shareOf(undefined, undefined);
const BASE = { startTimeMs: 0, gracefulStopMs: 30_000, env: {}, exec: "default", tags: {} };

/** A scenario with users whose iterations take `iterationMs` of virtual time; a user that is interrupted ends at once. */
class Stand {
  readonly timeline: VirtualTimeline = virtualTimeline();
  readonly stop = new AbortController();
  readonly starts: { readonly atMs: number; readonly intendedMs: number | undefined; readonly user: number }[] = [];
  readonly warnings: string[] = [];
  completed = 0;
  interrupted = 0;
  dropped = 0;
  made = 0;
  taken = 0;
  working = 0;
  mostWorking = 0;
  held = 0;
  mostHeld = 0;
  endedMs: number | undefined;
  readonly #iterationMs: (started: number) => number;

  constructor(iterationMs: number | ((started: number) => number)) {
    this.#iterationMs = typeof iterationMs === "number" ? () => iterationMs : iterationMs;
  }

  run(scenario: Scenario, segment?: string): Execution {
    const host: ScenarioHost = {
      timeline: this.timeline,
      share: shareOf(segment, undefined),
      signal: this.stop.signal,
      take: () => {
        this.taken += 1;
        return this.#user(this.taken);
      },
      make: async () => {
        await this.timeline.wait(5);
        this.made += 1;
        return this.#user(1000 + this.made);
      },
      give: () => {
        this.held -= 1;
      },
      drop: (count) => {
        this.dropped += count;
      },
      warn: (text) => void this.warnings.push(text),
      breathe: () => undefined,
    };
    const execution = startScenario(scenario, host);
    void execution.ended.then(() => {
      this.endedMs = this.timeline.nowMs();
    });
    return execution;
  }

  #user(id: number): ScenarioUser {
    this.held += 1;
    this.mostHeld = Math.max(this.mostHeld, this.held);
    let interrupt: (() => void) | undefined;
    return {
      iterate: async (intendedMs) => {
        this.starts.push({ atMs: this.timeline.nowMs(), intendedMs, user: id });
        this.working += 1;
        this.mostWorking = Math.max(this.mostWorking, this.working);
        const isInterrupted = await Promise.race([
          this.timeline.wait(this.#iterationMs(this.starts.length)).then(() => false),
          new Promise<boolean>((resolve) => {
            interrupt = () => resolve(true);
          }),
        ]);
        interrupt = undefined;
        this.working -= 1;
        if (isInterrupted) this.interrupted += 1;
        else this.completed += 1;
      },
      interrupt: () => interrupt?.(),
    };
  }
}

describe("shared-iterations", () => {
  const scenario = { ...BASE, executor: "shared-iterations", vus: 3, iterations: 10, maxDurationMs: 60_000 } as const;

  it("does exactly its iterations, faster users more of them", async () => {
    const stand = new Stand((started) => (started === 1 ? 1000 : 100));
    stand.run(scenario);
    await stand.timeline.runUntil(2000);
    expect(stand.completed).toBe(10);
    expect(stand.starts.filter(({ user }) => user === 1)).toHaveLength(1);
    expect(stand.endedMs).toBe(1000);
    expect(stand.held).toBe(0);
  });

  it("drops what maxDuration leaves undone and interrupts after gracefulStop", async () => {
    const stand = new Stand((started) => (started > 3 ? 10_000 : 100));
    stand.run({ ...scenario, maxDurationMs: 1000, gracefulStopMs: 500 });
    await stand.timeline.runUntil(20_000);
    expect([stand.completed, stand.interrupted, stand.dropped]).toEqual([3, 3, 4]);
    expect(stand.endedMs).toBe(1500);
  });

  it("divides iterations and users over segments", async () => {
    const stands = ["0:1/3", "1/3:1"].map((segment) => {
      const stand = new Stand(100);
      stand.run(scenario, segment);
      return stand;
    });
    for (const stand of stands) await stand.timeline.runUntil(5000);
    expect(stands.map(({ completed }) => completed).reduce((a, b) => a + b)).toBe(10);
    expect(stands.map(({ taken }) => taken).reduce((a, b) => a + b)).toBe(3);
  });
});

describe("per-vu-iterations", () => {
  it("does as many for each user, and counts what it could not do", async () => {
    const stand = new Stand((started) => (started === 1 ? 900 : 100));
    const execution = stand.run({ ...BASE, executor: "per-vu-iterations", vus: 3, iterations: 4, maxDurationMs: 1000 });
    await stand.timeline.runUntil(399);
    expect(execution.progress()).toBeCloseTo(6 / 12);
    await stand.timeline.runUntil(2000);
    // The slow one did 900 ms and then, at 900, one of 100.
    expect([stand.completed, stand.dropped]).toEqual([4 + 4 + 2, 2]);
  });
});

describe("constant-vus", () => {
  it("iterates for its time and lets the last iterations finish", async () => {
    const stand = new Stand(300);
    stand.run({ ...BASE, executor: "constant-vus", vus: 2, durationMs: 1000 });
    await stand.timeline.runUntil(5000);
    expect([stand.completed, stand.interrupted, stand.endedMs]).toEqual([8, 0, 1200]);
  });

  it("starts nothing more when the run is aborted", async () => {
    const stand = new Stand(300);
    stand.run({ ...BASE, executor: "constant-vus", vus: 2, durationMs: 10_000 });
    await stand.timeline.runUntil(1000);
    stand.stop.abort();
    await stand.timeline.runUntil(3000);
    expect([stand.completed, stand.endedMs]).toEqual([8, 1200]);
  });
});

const stages = (...pairs: readonly (readonly [durationMs: number, target: number])[]): Stage[] =>
  pairs.map(([durationMs, target]) => ({ durationMs, target }));

describe("ramping-vus", () => {
  const scenario = {
    ...BASE,
    executor: "ramping-vus",
    startVUs: 0,
    stages: stages([1000, 10], [1000, 10], [1000, 0]),
    gracefulRampDownMs: 500,
  } as const;

  it("climbs and falls a user at a time", () => {
    expect(rampSteps(1, stages([100, 3], [0, 5], [100, 1]), whole)).toEqual([
      { atMs: 0, users: 1 },
      { atMs: 50, users: 2 },
      { atMs: 100, users: 5 },
      { atMs: 125, users: 4 },
      { atMs: 150, users: 3 },
      { atMs: 175, users: 2 },
      { atMs: 200, users: 1 },
    ]);
  });

  it("follows the ramp", async () => {
    const stand = new Stand(10);
    stand.run(scenario);
    const seen: number[] = [];
    for (const atMs of [45, 155, 555, 1500, 2255, 2955]) {
      await stand.timeline.runUntil(atMs);
      seen.push(stand.working);
    }
    expect(seen).toEqual([0, 1, 5, 10, 8, 1]);
    await stand.timeline.runUntil(5000);
    expect([stand.held, stand.interrupted, stand.mostHeld]).toEqual([0, 0, 10]);
  });

  it("interrupts a user that overstays gracefulRampDown, and keeps one whose turn comes back", async () => {
    const stand = new Stand(100_000);
    stand.run({ ...scenario, stages: stages([0, 2], [1000, 1], [200, 2], [3000, 2]), gracefulStopMs: 1000 });
    await stand.timeline.runUntil(1600);
    // Gone at 1000, back at 1200, before its half second was over.
    expect([stand.interrupted, stand.taken, stand.working]).toEqual([0, 2, 2]);
    await stand.timeline.runUntil(6000);
    expect([stand.interrupted, stand.endedMs]).toEqual([2, 5200]);

    const strict = new Stand(100_000);
    strict.run({ ...scenario, stages: stages([0, 2], [1000, 1], [3000, 1]) });
    await strict.timeline.runUntil(1499);
    expect(strict.interrupted).toBe(0);
    await strict.timeline.runUntil(1501);
    expect([strict.interrupted, strict.working]).toEqual([1, 1]);
  });

  const anyStages = fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 40 })), {
    minLength: 1,
    maxLength: 6,
  });

  it("keeps to the line within one user, and segments add up to the whole", () => {
    fc.assert(
      fc.property(
        anyStages,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (pairs, startVUs, parts) => {
          const plan = stages(...pairs);
          const steps = rampSteps(startVUs, plan, whole);
          const usersAt = (list: typeof steps, atMs: number): number =>
            list.reduce((users, step) => (step.atMs <= atMs ? step.users : users), 0);
          const shares = Array.from({ length: parts }, (_, index) =>
            rampSteps(
              startVUs,
              plan,
              shareOf(
                `${index}/${parts}:${index + 1}/${parts}`,
                Array.from({ length: parts + 1 }, (_, i) => `${i}/${parts}`).join(","),
              ),
            ),
          );
          let [startMs, from] = [0, startVUs];
          for (const { durationMs, target } of plan) {
            for (const fraction of [0.13, 0.5, 0.87]) {
              if (durationMs === 0) continue;
              const atMs = startMs + durationMs * fraction;
              expect(Math.abs(usersAt(steps, atMs) - (from + (target - from) * fraction))).toBeLessThan(1.0001);
              expect(shares.reduce((sum, share) => sum + usersAt(share, atMs), 0)).toBe(usersAt(steps, atMs));
            }
            startMs += durationMs;
            from = target;
          }
          expect(steps.at(-1)!.users).toBe(from);
          for (const [index, step] of steps.slice(1).entries())
            expect(step.atMs).toBeGreaterThanOrEqual(steps[index]!.atMs);
        },
      ),
    );
  });

  it("never holds more users than were planned for it", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyStages,
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 0, max: 1500 }),
        async (pairs, iterationMs, graceMs) => {
          const plan: Scenario = {
            ...scenario,
            stages: stages(...pairs),
            gracefulRampDownMs: graceMs,
            gracefulStopMs: graceMs,
          };
          const stand = new Stand(iterationMs);
          stand.run(plan);
          await stand.timeline.runUntil(20_000);
          expect(stand.mostHeld).toBeLessThanOrEqual(userNeeds({ one: plan }, whole).planned);
          expect(stand.held).toBe(0);
          expect(stand.endedMs).toBeDefined();
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("arrival rates", () => {
  const constant = {
    ...BASE,
    executor: "constant-arrival-rate",
    rate: 50,
    timeUnitMs: 1000,
    durationMs: 2000,
    preAllocatedVUs: 5,
    maxVUs: 5,
  } as const;
  const all = (schedule: ReturnType<typeof constantArrivals>): number[] => {
    const times: number[] = [];
    for (let atMs = schedule.next(); Number.isFinite(atMs); atMs = schedule.next()) times.push(atMs);
    return times;
  };

  it("starts iterations on their schedule whatever they take, without drift", async () => {
    const stand = new Stand((started) => (started % 3) * 30);
    stand.run(constant);
    await stand.timeline.runUntil(5000);
    expect(stand.starts.map(({ intendedMs }) => intendedMs)).toEqual(
      Array.from({ length: 100 }, (_, index) => index * 20),
    );
    expect(stand.starts.every(({ atMs, intendedMs }) => atMs - intendedMs! < 1)).toBe(true);
    expect([stand.completed, stand.dropped]).toEqual([100, 0]);
  });

  it("drops what finds no free user, and says so once", async () => {
    const stand = new Stand(1000);
    stand.run(constant);
    await stand.timeline.runUntil(10_000);
    // 5 at 0..80 ms, 5 more at 1000..1080.
    expect([stand.completed, stand.dropped, stand.warnings.length]).toEqual([10, 90, 1]);
  });

  it("makes users in the background up to maxVUs, one at a time", async () => {
    const stand = new Stand(1000);
    stand.run({ ...constant, maxVUs: 20 });
    await stand.timeline.runUntil(10_000);
    expect(stand.made).toBe(15);
    // Each came 5 ms after a drop and took the next arrival.
    expect(stand.completed + stand.dropped).toBe(100);
    expect(stand.mostWorking).toBe(20);
    expect(stand.held).toBe(0);
  });

  it("ramps: iterations start where the area under the rate reaches whole numbers", () => {
    // 0 → 10/s in 2 s: area t²·2.5 = n → t = √(n/2.5) s, ten of them.
    const times = all(rampingArrivals(0, 1000, stages([2000, 10]), whole));
    expect(times).toHaveLength(10);
    for (const [index, atMs] of times.entries()) expect(atMs).toBeCloseTo(1000 * Math.sqrt((index + 1) / 2.5), 6);
    expect(arrivalRateAt(0, 1000, stages([2000, 10]), 500)).toBeCloseTo(2.5);
  });

  it("ramps: as many iterations as the area, at most the asked rate in between, the same over segments", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 100 })), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.integer({ min: 1, max: 4 }),
        (startRate, pairs, parts) => {
          const plan = stages(...pairs);
          const times = all(rampingArrivals(startRate, 1000, plan, whole));
          let [area, from] = [0, startRate];
          for (const { durationMs, target } of plan) {
            area += (durationMs * (from + target)) / 2000;
            from = target;
          }
          expect(Math.abs(times.length - area)).toBeLessThan(1 + 1e-6);
          for (const [index, atMs] of times.slice(1).entries())
            expect(atMs).toBeGreaterThanOrEqual(times[index]! - 1e-6);
          const sequence = Array.from({ length: parts + 1 }, (_, index) => `${index}/${parts}`);
          const shared = sequence
            .slice(1)
            .flatMap((to, index) =>
              all(rampingArrivals(startRate, 1000, plan, shareOf(`${sequence[index]}:${to}`, sequence.join(",")))),
            )
            .sort((a, b) => a - b);
          expect(shared).toHaveLength(times.length);
          for (const [index, atMs] of shared.entries()) expect(atMs).toBeCloseTo(times[index]!, 6);
        },
      ),
    );
  });

  it("interrupts what gracefulStop leaves unfinished", async () => {
    const stand = new Stand(60_000);
    stand.run({ ...constant, gracefulStopMs: 700 });
    await stand.timeline.runUntil(10_000);
    expect([stand.interrupted, stand.endedMs, stand.held]).toEqual([5, 2700, 0]);
  });
});

describe("userNeeds", () => {
  it("shares users between scenarios that follow each other, and adds those that overlap", () => {
    const constant = (startTimeMs: number, vus: number): Scenario => ({
      ...BASE,
      executor: "constant-vus",
      startTimeMs,
      vus,
      durationMs: 1000,
      gracefulStopMs: 0,
    });
    expect(userNeeds({ a: constant(0, 5), b: constant(1000, 7) }, whole)).toEqual({ planned: 7, max: 7 });
    expect(userNeeds({ a: constant(0, 5), b: constant(999, 7) }, whole)).toEqual({ planned: 12, max: 12 });
  });
});
