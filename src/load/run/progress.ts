import { arrivalRateAt } from "../executor/arrival-schedule.ts";
import { regularDurationMs } from "../executor/user-schedule.ts";
import type { ScenarioProgress } from "../load-run.ts";
import type { Options, Scenario } from "../options.ts";
import type { GeneratorStand, ScenarioStand } from "./generator.ts";

/** When the last scenario stops starting iterations. */
export const plannedMs = (options: Options): number =>
  Math.max(
    0,
    ...Object.values(options.scenarios).map((scenario) => scenario.startTimeMs + regularDurationMs(scenario)),
  );

/** One line for each scenario, over all generators. */
export function mergeStands(options: Options, stands: readonly GeneratorStand[]): readonly ScenarioProgress[] {
  return Object.entries(options.scenarios).map(([name, scenario]) => {
    const parts = stands.flatMap((stand) => {
      const own = stand.scenarios.find((each) => each.name === name);
      return own === undefined ? [] : [own];
    });
    const sum = (pick: (part: ScenarioStand) => number): number => parts.reduce((total, part) => total + pick(part), 0);
    const elapsedMs = Math.max(0, ...stands.map((stand) => stand.elapsedMs));
    return {
      name,
      executor: scenario.executor,
      state: parts.some(({ state }) => state === "running")
        ? "running"
        : parts.length > 0 && parts.every(({ state }) => state === "ended")
          ? "ended"
          : "waiting",
      progress: parts.length === 0 ? 0 : sum(({ progress }) => progress) / parts.length,
      completed: sum(({ completed }) => completed),
      interrupted: sum(({ interrupted }) => interrupted),
      dropped: sum(({ dropped }) => dropped),
      activeUsers: sum(({ activeUsers }) => activeUsers),
      targetRate: targetRate(scenario, elapsedMs - scenario.startTimeMs),
    };
  });
}

function targetRate(scenario: Scenario, atMs: number): number | undefined {
  if (scenario.executor !== "constant-arrival-rate" && scenario.executor !== "ramping-arrival-rate") return undefined;
  if (atMs < 0 || atMs > regularDurationMs(scenario)) return 0;
  return scenario.executor === "constant-arrival-rate"
    ? (scenario.rate * 1000) / scenario.timeUnitMs
    : arrivalRateAt(scenario.startRate, scenario.timeUnitMs, scenario.stages, atMs);
}
