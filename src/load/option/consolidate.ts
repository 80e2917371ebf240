import { shareOf } from "../executor/segment.ts";
import type { Options, Scenario } from "../options.ts";
import { printDuration } from "./duration.ts";
import { DEFAULT_SYSTEM_TAGS, DEFAULT_TREND_STATS, type OptionValues } from "./option-keys.ts";
import { InvalidOptions, type OptionProblem } from "./reader.ts";
import { DEFAULT_GRACE_MS } from "./scenario-option.ts";

export const USER_AGENT = "Traceo/0.1 (k6-compatible; https://traceo.io)";

const SHAPE_OF_LOAD = ["duration", "iterations", "stages", "scenarios"] as const;

/**
 * Puts the sources together, the strongest last (file, script, environment, flags), and completes them. A source that says
 * how much to run (duration, iterations, stages or scenarios) replaces all of that from the weaker ones.
 * Throws InvalidOptions.
 */
export function consolidate(sources: readonly OptionValues[], found: readonly OptionProblem[] = []): Options {
  const problems = [...found];
  let values: Record<string, unknown> = {};
  for (const source of sources) {
    if (SHAPE_OF_LOAD.some((key) => source[key] !== undefined))
      values = Object.fromEntries(
        Object.entries(values).filter(([key]) => !SHAPE_OF_LOAD.some((shape) => shape === key)),
      );
    values = { ...values, ...source };
  }
  const options = complete(values as OptionValues, problems);
  if (problems.length > 0) throw new InvalidOptions(problems);
  return options;
}

function complete(values: OptionValues, problems: OptionProblem[]): Options {
  try {
    shareOf(values.executionSegment, values.executionSegmentSequence);
  } catch (error) {
    problems.push({ path: "executionSegment", message: error instanceof Error ? error.message : String(error) });
  }
  const { tlsVersion } = values;
  return {
    scenarios: scenariosOf(values, problems),
    thresholds: values.thresholds ?? {},
    tags: values.tags ?? {},
    systemTags: new Set<string>(values.systemTags ?? DEFAULT_SYSTEM_TAGS),
    setupTimeoutMs: values.setupTimeout ?? 60_000,
    teardownTimeoutMs: values.teardownTimeout ?? 60_000,
    handleSummaryTimeoutMs: values.handleSummaryTimeout ?? 120_000,
    noSetup: values.noSetup ?? false,
    noTeardown: values.noTeardown ?? false,
    rps: values.rps === 0 ? undefined : values.rps,
    maxRedirects: values.maxRedirects ?? 10,
    userAgent: values.userAgent ?? USER_AGENT,
    batch: values.batch ?? 20,
    batchPerHost: values.batchPerHost ?? 6,
    httpDebug: values.httpDebug ?? "",
    insecureSkipTlsVerify: values.insecureSkipTLSVerify ?? false,
    tlsVersion: { min: tlsVersion?.min, max: tlsVersion?.max },
    tlsCipherSuites: values.tlsCipherSuites ?? [],
    tlsAuth: values.tlsAuth ?? [],
    throw: values.throw ?? false,
    blacklistIPs: values.blacklistIPs ?? [],
    blockHostnames: values.blockHostnames ?? [],
    hosts: values.hosts ?? {},
    dns: values.dns ?? { ttl: "5m", select: "random", policy: "preferIPv4" },
    noConnectionReuse: values.noConnectionReuse ?? false,
    noVUConnectionReuse: values.noVUConnectionReuse ?? false,
    minIterationDurationMs: values.minIterationDuration ?? 0,
    noCookiesReset: values.noCookiesReset ?? false,
    discardResponseBodies: values.discardResponseBodies ?? false,
    localIPs: values.localIPs ?? [],
    summaryTrendStats: values.summaryTrendStats ?? DEFAULT_TREND_STATS,
    summaryTimeUnit: values.summaryTimeUnit ?? "",
    executionSegment: values.executionSegment,
    executionSegmentSequence: values.executionSegmentSequence,
    paused: values.paused ?? false,
  };
}

function scenariosOf(values: OptionValues, problems: OptionProblem[]): Readonly<Record<string, Scenario>> {
  const { vus, duration, iterations, stages, scenarios } = values;
  const conflict = (first: string, second: string): Readonly<Record<string, Scenario>> => {
    problems.push({
      path: "options",
      message: `\`${first}\` and \`${second}\` cannot be used together; keep one of them`,
    });
    return {};
  };
  const isStaged = stages !== undefined && stages.length > 0;
  const shape =
    iterations !== undefined ? "iterations" : duration !== undefined ? "duration" : isStaged ? "stages" : undefined;
  if (shape !== undefined && shape !== "stages" && isStaged) return conflict(shape, "stages");
  if (shape !== undefined && scenarios !== undefined) return conflict(shape, "scenarios");
  if (scenarios !== undefined) {
    if (Object.keys(scenarios).length === 0 && problems.length === 0)
      problems.push({ path: "options.scenarios", message: "has no scenario" });
    return scenarios;
  }
  const base = { startTimeMs: 0, gracefulStopMs: DEFAULT_GRACE_MS, env: {}, exec: "default", tags: {} };
  const fail = (path: string, message: string): void => void problems.push({ path, message });
  if (vus === 0 && shape !== "stages") fail("options.vus", "must be above 0");
  const users = vus ?? 1;
  if (iterations !== undefined || (shape === undefined && users > 1)) {
    const count = iterations ?? users;
    if (count < users) fail("options.iterations", `is below vus (${users}): some users would have nothing to do`);
    if (duration === 0) fail("options.duration", "must be above 0");
    return {
      default: {
        ...base,
        executor: "shared-iterations",
        vus: users,
        iterations: count,
        maxDurationMs: duration ?? 600_000,
      },
    };
  }
  if (duration !== undefined) {
    if (duration <= 0) fail("options.duration", `must be above 0, is ${printDuration(duration)}`);
    return { default: { ...base, executor: "constant-vus", vus: users, durationMs: duration } };
  }
  if (isStaged) {
    if (stages.every(({ durationMs }) => durationMs === 0)) fail("options.stages", "takes no time at all");
    return {
      default: { ...base, executor: "ramping-vus", startVUs: users, stages, gracefulRampDownMs: DEFAULT_GRACE_MS },
    };
  }
  return { default: { ...base, executor: "per-vu-iterations", vus: 1, iterations: 1, maxDurationMs: 600_000 } };
}
