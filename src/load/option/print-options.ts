import type { Options, Scenario, Stage } from "../options.ts";
import { printDuration } from "./duration.ts";

/**
 * The options as k6 writes them in JSON: `exec.test.options`, `traceo load inspect`, the options of an archive.
 * @param showsKeys with the private keys of client certificates, which an archive cannot do without
 */
export function printOptions(options: Options, showsKeys = false): Readonly<Record<string, unknown>> {
  return {
    scenarios: Object.fromEntries(
      Object.entries(options.scenarios).map(([name, scenario]) => [name, printScenario(scenario)]),
    ),
    ...(Object.keys(options.thresholds).length === 0
      ? {}
      : {
          thresholds: Object.fromEntries(
            Object.entries(options.thresholds).map(([metric, list]) => [
              metric,
              list.map(({ threshold, abortOnFail, delayAbortEvalMs }) =>
                abortOnFail || delayAbortEvalMs > 0
                  ? { threshold, abortOnFail, delayAbortEval: printDuration(delayAbortEvalMs) }
                  : threshold,
              ),
            ]),
          ),
        }),
    tags: options.tags,
    systemTags: [...options.systemTags],
    setupTimeout: printDuration(options.setupTimeoutMs),
    teardownTimeout: printDuration(options.teardownTimeoutMs),
    handleSummaryTimeout: printDuration(options.handleSummaryTimeoutMs),
    noSetup: options.noSetup,
    noTeardown: options.noTeardown,
    ...(options.rps === undefined ? {} : { rps: options.rps }),
    maxRedirects: options.maxRedirects,
    userAgent: options.userAgent,
    batch: options.batch,
    batchPerHost: options.batchPerHost,
    httpDebug: options.httpDebug,
    insecureSkipTLSVerify: options.insecureSkipTlsVerify,
    ...(options.tlsVersion.min === undefined && options.tlsVersion.max === undefined
      ? {}
      : {
          tlsVersion: {
            ...(options.tlsVersion.min === undefined ? {} : { min: options.tlsVersion.min }),
            ...(options.tlsVersion.max === undefined ? {} : { max: options.tlsVersion.max }),
          },
        }),
    ...(options.tlsCipherSuites.length === 0 ? {} : { tlsCipherSuites: options.tlsCipherSuites }),
    ...(options.tlsAuth.length === 0
      ? {}
      : {
          tlsAuth: options.tlsAuth.map(({ domains, cert, key, password }) => ({
            domains,
            cert,
            key: showsKeys ? key : "(hidden)",
            ...(showsKeys && password !== undefined ? { password } : {}),
          })),
        }),
    throw: options.throw,
    blacklistIPs: options.blacklistIPs,
    blockHostnames: options.blockHostnames,
    hosts: options.hosts,
    dns: options.dns,
    noConnectionReuse: options.noConnectionReuse,
    noVUConnectionReuse: options.noVUConnectionReuse,
    minIterationDuration: printDuration(options.minIterationDurationMs),
    noCookiesReset: options.noCookiesReset,
    discardResponseBodies: options.discardResponseBodies,
    ...(options.localIPs.length === 0 ? {} : { localIPs: options.localIPs }),
    summaryTrendStats: options.summaryTrendStats,
    ...(options.summaryTimeUnit === "" ? {} : { summaryTimeUnit: options.summaryTimeUnit }),
    ...(options.executionSegment === undefined ? {} : { executionSegment: options.executionSegment }),
    ...(options.executionSegmentSequence === undefined
      ? {}
      : { executionSegmentSequence: options.executionSegmentSequence }),
    paused: options.paused,
  };
}

function printScenario(scenario: Scenario): Readonly<Record<string, unknown>> {
  const stages = (list: readonly Stage[]) =>
    list.map(({ durationMs, target }) => ({ duration: printDuration(durationMs), target }));
  const { executor, startTimeMs, gracefulStopMs, env, exec, tags } = scenario;
  const base = {
    executor,
    startTime: printDuration(startTimeMs),
    gracefulStop: printDuration(gracefulStopMs),
    env,
    exec,
    tags,
  };
  switch (scenario.executor) {
    case "shared-iterations":
    case "per-vu-iterations":
      return {
        ...base,
        vus: scenario.vus,
        iterations: scenario.iterations,
        maxDuration: printDuration(scenario.maxDurationMs),
      };
    case "constant-vus":
      return { ...base, vus: scenario.vus, duration: printDuration(scenario.durationMs) };
    case "ramping-vus":
      return {
        ...base,
        startVUs: scenario.startVUs,
        stages: stages(scenario.stages),
        gracefulRampDown: printDuration(scenario.gracefulRampDownMs),
      };
    case "constant-arrival-rate":
      return {
        ...base,
        rate: scenario.rate,
        timeUnit: printDuration(scenario.timeUnitMs),
        duration: printDuration(scenario.durationMs),
        preAllocatedVUs: scenario.preAllocatedVUs,
        maxVUs: scenario.maxVUs,
      };
    case "ramping-arrival-rate":
      return {
        ...base,
        startRate: scenario.startRate,
        timeUnit: printDuration(scenario.timeUnitMs),
        stages: stages(scenario.stages),
        preAllocatedVUs: scenario.preAllocatedVUs,
        maxVUs: scenario.maxVUs,
      };
  }
}
