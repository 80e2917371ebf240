/**
 * A run's options after everything was read (flags over environment over script over file) and checked. Durations are
 * milliseconds. Shortcuts (`vus`, `duration`, `stages`, `iterations`) are already scenarios.
 */
export interface Options {
  readonly scenarios: Readonly<Record<string, Scenario>>;
  readonly thresholds: Readonly<Record<string, readonly ThresholdOption[]>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly systemTags: ReadonlySet<string>;
  readonly setupTimeoutMs: number;
  readonly teardownTimeoutMs: number;
  readonly handleSummaryTimeoutMs: number;
  readonly noSetup: boolean;
  readonly noTeardown: boolean;
  /** Requests a second over all users; undefined: no limit. */
  readonly rps: number | undefined;
  readonly maxRedirects: number;
  readonly userAgent: string;
  readonly batch: number;
  readonly batchPerHost: number;
  readonly httpDebug: "" | "headers" | "full";
  readonly insecureSkipTlsVerify: boolean;
  readonly tlsVersion: { readonly min: string | undefined; readonly max: string | undefined };
  readonly tlsCipherSuites: readonly string[];
  readonly tlsAuth: readonly TlsAuth[];
  readonly throw: boolean;
  readonly blacklistIPs: readonly string[];
  readonly blockHostnames: readonly string[];
  /** Host, `host:port` or `*.host` to address. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly dns: { readonly ttl: string; readonly select: string; readonly policy: string };
  readonly noConnectionReuse: boolean;
  readonly noVUConnectionReuse: boolean;
  readonly minIterationDurationMs: number;
  readonly noCookiesReset: boolean;
  readonly discardResponseBodies: boolean;
  readonly localIPs: readonly string[];
  readonly summaryTrendStats: readonly string[];
  readonly summaryTimeUnit: "" | "s" | "ms" | "us";
  /** `[from, to)` of the whole, as fractions of integers: `{ numerator: 1, denominator: 3 }`. */
  readonly executionSegment: string | undefined;
  readonly executionSegmentSequence: string | undefined;
  readonly paused: boolean;
}

export interface TlsAuth {
  readonly domains: readonly string[];
  readonly cert: string;
  readonly key: string;
  readonly password: string | undefined;
}

export interface ThresholdOption {
  readonly threshold: string;
  readonly abortOnFail: boolean;
  readonly delayAbortEvalMs: number;
}

export interface Stage {
  readonly durationMs: number;
  readonly target: number;
}

interface ScenarioBase {
  readonly startTimeMs: number;
  readonly gracefulStopMs: number;
  readonly env: Readonly<Record<string, string>>;
  /** Name of the exported function; `default` when not given. */
  readonly exec: string;
  readonly tags: Readonly<Record<string, string>>;
}

export type Scenario = ScenarioBase &
  (
    | {
        readonly executor: "shared-iterations";
        readonly vus: number;
        readonly iterations: number;
        readonly maxDurationMs: number;
      }
    | {
        readonly executor: "per-vu-iterations";
        readonly vus: number;
        readonly iterations: number;
        readonly maxDurationMs: number;
      }
    | { readonly executor: "constant-vus"; readonly vus: number; readonly durationMs: number }
    | {
        readonly executor: "ramping-vus";
        readonly startVUs: number;
        readonly stages: readonly Stage[];
        readonly gracefulRampDownMs: number;
      }
    | {
        readonly executor: "constant-arrival-rate";
        readonly rate: number;
        readonly timeUnitMs: number;
        readonly durationMs: number;
        readonly preAllocatedVUs: number;
        readonly maxVUs: number;
      }
    | {
        readonly executor: "ramping-arrival-rate";
        readonly startRate: number;
        readonly timeUnitMs: number;
        readonly stages: readonly Stage[];
        readonly preAllocatedVUs: number;
        readonly maxVUs: number;
      }
  );
