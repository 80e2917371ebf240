import type { Scenario } from "../options.ts";
import { constantArrivalRate, rampingArrivalRate } from "./arrival-rate.ts";
import { constantVus } from "./constant-vus.ts";
import type { Execution, ScenarioHost } from "./executor.ts";
import { perVuIterations } from "./per-vu-iterations.ts";
import { rampingVus } from "./ramping-vus.ts";
import { sharedIterations } from "./shared-iterations.ts";

/** Starts a scenario now, with the executor that it names. */
export function startScenario(scenario: Scenario, host: ScenarioHost): Execution {
  switch (scenario.executor) {
    case "shared-iterations":
      return sharedIterations(scenario, host);
    case "per-vu-iterations":
      return perVuIterations(scenario, host);
    case "constant-vus":
      return constantVus(scenario, host);
    case "ramping-vus":
      return rampingVus(scenario, host);
    case "constant-arrival-rate":
      return constantArrivalRate(scenario, host);
    case "ramping-arrival-rate":
      return rampingArrivalRate(scenario, host);
  }
}
