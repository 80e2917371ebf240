import { parseSegment, parseSequence } from "../executor/segment.ts";
import type { ThresholdOption, TlsAuth } from "../options.ts";
import {
  boolean,
  duration,
  integer,
  isObject,
  listOf,
  mapOf,
  type OptionProblem,
  objectOf,
  oneOf,
  type Read,
  text,
  unknownKey,
} from "./reader.ts";
import { scenarioMap, stageList } from "./scenario-option.ts";

export const DEFAULT_SYSTEM_TAGS = [
  "proto",
  "subproto",
  "status",
  "method",
  "url",
  "name",
  "group",
  "check",
  "error",
  "error_code",
  "tls_version",
  "scenario",
  "service",
  "expected_response",
] as const;

const SYSTEM_TAGS = [...DEFAULT_SYSTEM_TAGS, "iter", "vu", "ocsp_status", "ip"] as const;

export const DEFAULT_TREND_STATS = ["avg", "min", "med", "max", "p(90)", "p(95)"] as const;

const TLS_VERSIONS = ["", "ssl3.0", "tls1.0", "tls1.1", "tls1.2", "tls1.3"] as const;

const trendStat: Read<string> = (value, path, problems) => {
  if (typeof value === "string") {
    if (/^(avg|min|med|max|count)$/.test(value)) return value;
    const percentile = /^p\((\d+(?:\.\d+)?)\)$/.exec(value);
    if (percentile !== null && Number(percentile[1]) <= 100) return value;
  }
  problems.push({
    path,
    message: `expected avg, min, med, max, count or p(N) with N from 0 to 100, found ${JSON.stringify(value)}`,
  });
  return undefined;
};

const segment =
  (parse: (source: string) => unknown): Read<string> =>
  (value, path, problems) => {
    const source = text(value, path, problems);
    if (source === undefined) return undefined;
    try {
      parse(source);
      return source;
    } catch (error) {
      problems.push({ path, message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };

const thresholdOption: Read<ThresholdOption> = (value, path, problems) => {
  if (typeof value === "string") return { threshold: value, abortOnFail: false, delayAbortEvalMs: 0 };
  const read = objectOf({ threshold: text, abortOnFail: boolean, delayAbortEval: duration })(value, path, problems);
  if (read === undefined) return undefined;
  if (read.threshold === undefined) {
    problems.push({ path, message: "`threshold` is missing" });
    return undefined;
  }
  return {
    threshold: read.threshold,
    abortOnFail: read.abortOnFail ?? false,
    delayAbortEvalMs: read.delayAbortEval ?? 0,
  };
};

const thresholdList: Read<readonly ThresholdOption[]> = (value, path, problems) =>
  typeof value === "string"
    ? [thresholdOption(value, path, problems)!]
    : listOf(thresholdOption)(value, path, problems);

const tlsVersion: Read<{ readonly min: string | undefined; readonly max: string | undefined }> = (
  value,
  path,
  problems,
) => {
  const version = oneOf(...TLS_VERSIONS);
  if (typeof value === "string") {
    const both = version(value, path, problems);
    return { min: both, max: both };
  }
  const read = objectOf({ min: version, max: version })(value, path, problems);
  return read === undefined ? undefined : { min: read.min, max: read.max };
};

const tlsAuth: Read<TlsAuth> = (value, path, problems) => {
  const read = objectOf({ domains: listOf(text), cert: text, key: text, password: text })(value, path, problems);
  if (read?.cert === undefined || read.key === undefined) {
    problems.push({ path, message: "`cert` and `key` are both needed, as PEM texts" });
    return undefined;
  }
  return { domains: read.domains ?? [], cert: read.cert, key: read.key, password: read.password };
};

const dns: Read<{ readonly ttl: string; readonly select: string; readonly policy: string }> = (
  value,
  path,
  problems,
) => {
  const ttl: Read<string> = (given, at, found) => {
    if (given === "inf" || given === "0") return given;
    const ms = duration(given, at, found);
    return ms === undefined ? undefined : String(given);
  };
  const read = objectOf({
    ttl,
    select: oneOf("first", "random", "roundRobin"),
    policy: oneOf("preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"),
  })(value, path, problems);
  return read === undefined
    ? undefined
    : { ttl: read.ttl ?? "5m", select: read.select ?? "random", policy: read.policy ?? "preferIPv4" };
};

/** Every key of `options`, with what may stand there. k6's names (its `lib/options.go` documents them). */
export const OPTION_READERS = {
  paused: boolean,
  vus: integer(),
  duration,
  iterations: integer(1),
  stages: stageList,
  scenarios: scenarioMap,
  executionSegment: segment(parseSegment),
  executionSegmentSequence: segment(parseSequence),
  noSetup: boolean,
  setupTimeout: duration,
  noTeardown: boolean,
  teardownTimeout: duration,
  handleSummaryTimeout: duration,
  rps: integer(),
  dns,
  maxRedirects: integer(),
  userAgent: text,
  batch: integer(1),
  batchPerHost: integer(),
  httpDebug: oneOf("", "headers", "full"),
  insecureSkipTLSVerify: boolean,
  tlsCipherSuites: listOf(text),
  tlsVersion,
  tlsAuth: listOf(tlsAuth),
  throw: boolean,
  thresholds: mapOf(thresholdList),
  blacklistIPs: listOf(text),
  blockHostnames: listOf(text),
  hosts: mapOf(text),
  noConnectionReuse: boolean,
  noVUConnectionReuse: boolean,
  minIterationDuration: duration,
  summaryTrendStats: listOf(trendStat),
  summaryTimeUnit: oneOf("", "s", "ms", "us"),
  systemTags: listOf(oneOf(...SYSTEM_TAGS)),
  tags: mapOf(text),
  metricSamplesBufferSize: integer(),
  noCookiesReset: boolean,
  discardResponseBodies: boolean,
  localIPs: listOf(text),
} as const;

export type OptionKey = keyof typeof OPTION_READERS;

/** What one source (flags, environment, script, file) sets; what it does not set is missing. */
export type OptionValues = {
  readonly [Key in OptionKey]?: (typeof OPTION_READERS)[Key] extends Read<infer Value> ? Value : never;
};

/** Keys that mean something to Grafana's products only. */
const IGNORED: Readonly<Record<string, string>> = {
  cloud: "options for Grafana Cloud are ignored: this run is stored in Traceo",
  ext: "options for k6 extensions are ignored: there are none here",
  features: "k6's feature switches are ignored",
};

/**
 * Reads the options of a script or of a JSON file. Unknown keys are problems; those of Grafana's products are remarks.
 * @param where how messages name the source: `options`, `load.json`
 */
export function readOptions(
  value: unknown,
  where: string,
  problems: OptionProblem[],
): { readonly values: OptionValues; readonly notes: readonly string[] } {
  if (value === undefined || value === null) return { values: {}, notes: [] };
  if (!isObject(value)) {
    problems.push({ path: where, message: "must be an object" });
    return { values: {}, notes: [] };
  }
  const notes: string[] = [];
  const own: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (Object.hasOwn(IGNORED, key)) notes.push(`${where}.${key}: ${IGNORED[key]}`);
    else if (!Object.hasOwn(OPTION_READERS, key)) problems.push(unknownKey(where, key, Object.keys(OPTION_READERS)));
    else own[key] = item;
  }
  return { values: (objectOf(OPTION_READERS)(own, where, problems) ?? {}) as OptionValues, notes };
}
