import { OPTION_READERS, type OptionKey, type OptionValues } from "./option-keys.ts";
import type { OptionProblem } from "./reader.ts";
import { parseStage } from "./scenario-option.ts";

type Kind = "boolean" | "number" | "text" | "list" | "stages" | "tags" | "dns" | "json";

interface OptionFlag {
  /** Undefined: no flag, as in k6. */
  readonly flag?: string;
  readonly short?: string;
  readonly value?: string;
  readonly kind: Kind;
  readonly help: string;
}

/** How each option is written on the command line and in the environment (`K6_` and the key in upper snake case). */
export const OPTION_FLAGS: Readonly<Record<OptionKey, OptionFlag>> = {
  vus: { flag: "vus", short: "u", value: "N", kind: "number", help: "Virtual users." },
  duration: { flag: "duration", short: "d", value: "TIME", kind: "text", help: "How long to iterate: 30s, 1m30s." },
  iterations: {
    flag: "iterations",
    short: "i",
    value: "N",
    kind: "number",
    help: "Iterations in all, shared by the users.",
  },
  stages: {
    flag: "stage",
    short: "s",
    value: "TIME:USERS",
    kind: "stages",
    help: "Move to this many users in this time; repeatable.",
  },
  scenarios: { kind: "json", help: "Scenarios by name." },
  executionSegment: {
    flag: "execution-segment",
    value: "PART",
    kind: "text",
    help: "Run this part of the test only: 10%, 1/3, 1/4:1/2.",
  },
  executionSegmentSequence: {
    flag: "execution-segment-sequence",
    value: "BORDERS",
    kind: "text",
    help: "How the test is divided: 0,1/4,1/2,1.",
  },
  paused: { flag: "paused", short: "p", kind: "boolean", help: "Prepare everything and wait for SIGCONT or Enter." },
  noSetup: { flag: "no-setup", kind: "boolean", help: "Do not run setup()." },
  noTeardown: { flag: "no-teardown", kind: "boolean", help: "Do not run teardown()." },
  setupTimeout: { kind: "text", help: "Longest time of setup()." },
  teardownTimeout: { kind: "text", help: "Longest time of teardown()." },
  handleSummaryTimeout: { kind: "text", help: "Longest time of handleSummary()." },
  rps: { flag: "rps", value: "N", kind: "number", help: "At most this many requests a second." },
  maxRedirects: { flag: "max-redirects", value: "N", kind: "number", help: "Follow at most this many redirects (10)." },
  userAgent: { flag: "user-agent", value: "TEXT", kind: "text", help: "User-Agent of requests." },
  batch: { flag: "batch", value: "N", kind: "number", help: "Requests of a batch at once (20)." },
  batchPerHost: {
    flag: "batch-per-host",
    value: "N",
    kind: "number",
    help: "Requests of a batch at once to one host (6).",
  },
  httpDebug: {
    flag: "http-debug",
    value: "headers|full",
    kind: "text",
    help: "Print requests and responses; `full` with bodies.",
  },
  insecureSkipTLSVerify: {
    flag: "insecure-skip-tls-verify",
    kind: "boolean",
    help: "Accept any TLS certificate.",
  },
  tlsCipherSuites: { kind: "list", help: "Allowed cipher suites." },
  tlsVersion: { kind: "json", help: "Allowed TLS versions." },
  tlsAuth: { kind: "json", help: "Client certificates." },
  throw: { flag: "throw", short: "w", kind: "boolean", help: "Failed requests throw." },
  thresholds: { kind: "json", help: "What must hold." },
  blacklistIPs: {
    flag: "blacklist-ip",
    value: "RANGE",
    kind: "list",
    help: "Never call addresses in this range; repeatable.",
  },
  blockHostnames: {
    flag: "block-hostnames",
    value: "PATTERN",
    kind: "list",
    help: "Never call hosts of this name (*.example.com); repeatable.",
  },
  hosts: { kind: "json", help: "Addresses of hosts." },
  noConnectionReuse: { flag: "no-connection-reuse", kind: "boolean", help: "A connection for each request." },
  noVUConnectionReuse: {
    flag: "no-vu-connection-reuse",
    kind: "boolean",
    help: "New connections for each iteration.",
  },
  minIterationDuration: {
    flag: "min-iteration-duration",
    value: "TIME",
    kind: "text",
    help: "Shorter iterations wait until this has passed.",
  },
  summaryTrendStats: {
    flag: "summary-trend-stats",
    value: "STATS",
    kind: "list",
    help: "Statistics of trends: avg,min,med,max,p(90),p(95).",
  },
  summaryTimeUnit: {
    flag: "summary-time-unit",
    value: "UNIT",
    kind: "text",
    help: "Unit of times in the summary: s, ms or us.",
  },
  systemTags: { flag: "system-tags", value: "TAGS", kind: "list", help: "Only these system tags on samples." },
  tags: { flag: "tag", value: "NAME=VALUE", kind: "tags", help: "A tag on every sample; repeatable." },
  metricSamplesBufferSize: { kind: "number", help: "Accepted for k6's sake; samples are not buffered here." },
  noCookiesReset: { kind: "boolean", help: "Keep cookies between iterations." },
  discardResponseBodies: {
    flag: "discard-response-bodies",
    kind: "boolean",
    help: "Read bodies and throw them away.",
  },
  localIPs: {
    flag: "local-ips",
    value: "RANGES",
    kind: "list",
    help: "Send from these addresses, one for each user in turn.",
  },
  dns: { flag: "dns", value: "SETTINGS", kind: "dns", help: "ttl=5m,select=random,policy=preferIPv4." },
};

const entries = Object.entries(OPTION_FLAGS) as [OptionKey, OptionFlag][];

/** `setupTimeout` → K6_SETUP_TIMEOUT, `blacklistIPs` → K6_BLACKLIST_IPS, `noVUConnectionReuse` → K6_NO_VU_CONNECTION_REUSE. */
export function environmentName(key: OptionKey): string {
  return `K6_${key
    .replace(/IPs$/, "Ips")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toUpperCase()}`;
}

export function optionsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  problems: OptionProblem[],
): OptionValues {
  const values: Record<string, unknown> = {};
  for (const [key, { kind }] of entries) {
    const source = environment[environmentName(key)];
    if (source === undefined || source === "") continue;
    const value = read(
      key,
      kind === "list" || kind === "tags" || kind === "stages" ? source.split(",") : source,
      environmentName(key),
      problems,
    );
    if (value !== undefined) values[key] = value;
  }
  return values as OptionValues;
}

/** @param flags what was given on the command line, by flag name without dashes */
export function optionsOfFlags(
  flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
  problems: OptionProblem[],
): OptionValues {
  const values: Record<string, unknown> = {};
  for (const [key, { flag, kind }] of entries) {
    const given = flag === undefined ? undefined : flags[flag];
    if (given === undefined) continue;
    const isList = kind === "list" || kind === "stages";
    const parts = typeof given === "boolean" ? String(given) : typeof given === "string" ? given : [...given];
    const source = isList ? [parts].flat().flatMap((part) => part.split(",")) : parts;
    const value = read(key, source, `--${flag}`, problems);
    if (value !== undefined) values[key] = value;
  }
  return values as OptionValues;
}

function read(key: OptionKey, source: string | readonly string[], path: string, problems: OptionProblem[]): unknown {
  const { kind } = OPTION_FLAGS[key];
  const value = parsed(kind, source);
  if (value === undefined) {
    problems.push({ path, message: `\`${[source].flat().join(",")}\` cannot be read; ${FORMS[kind]}` });
    return undefined;
  }
  return OPTION_READERS[key](value, path, problems);
}

const FORMS: Readonly<Record<Kind, string>> = {
  boolean: "write true or false",
  number: "write a number",
  text: "write a text",
  list: "write values with commas between them",
  stages: "write TIME:USERS, such as 30s:10",
  tags: "write NAME=VALUE",
  dns: "write ttl=5m,select=random,policy=preferIPv4",
  json: "write JSON",
};

function parsed(kind: Kind, source: string | readonly string[]): unknown {
  const list = [source].flat().map((part) => part.trim());
  const single = list.join(",");
  switch (kind) {
    case "boolean":
      return /^(true|1|t)$/i.test(single) ? true : /^(false|0|f)$/i.test(single) ? false : undefined;
    case "number":
      return /^-?\d+(\.\d+)?$/.test(single) ? Number(single) : undefined;
    case "text":
      return single;
    case "list":
      return list.filter((part) => part !== "");
    case "stages": {
      const stages = list.map(parseStage);
      return stages.includes(undefined) ? undefined : stages;
    }
    case "tags": {
      const pairs = list.map((part) => /^([^=]+)=(.+)$/s.exec(part));
      return pairs.includes(null) ? undefined : Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!]));
    }
    case "dns": {
      const pairs = list.flatMap((part) => part.split(",")).map((part) => /^(\w+)=(\w+)$/.exec(part));
      return pairs.includes(null) ? undefined : Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!]));
    }
    case "json":
      try {
        return JSON.parse(single) as unknown;
      } catch {
        return undefined;
      }
  }
}
