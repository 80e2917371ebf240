import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consolidate } from "./consolidate.ts";
import { parseDuration, printDuration } from "./duration.ts";
import { environmentName, OPTION_FLAGS, optionsOfEnvironment, optionsOfFlags } from "./option-flags.ts";
import { OPTION_READERS, type OptionKey, type OptionValues, readOptions } from "./option-keys.ts";
import { printOptions } from "./print-options.ts";
import { InvalidOptions, type OptionProblem } from "./reader.ts";

const script = (value: unknown, where = "options"): OptionValues => {
  const problems: OptionProblem[] = [];
  const { values } = readOptions(value, where, problems);
  if (problems.length > 0) throw new InvalidOptions(problems);
  return values;
};

const problemsOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidOptions) return error.message;
    throw error;
  }
  return "";
};

describe("durations", () => {
  it.each([
    ["1m30s", 90_000],
    ["10", 10],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["1d2h", 93_600_000],
    ["100us", 0.1],
    [".5s", 500],
    ["0", 0],
  ])("reads %s", (text, ms) => expect(parseDuration(text)).toBeCloseTo(ms, 9));

  it.each(["", "1x", "m", "1 m", "1m-2s", "abc", "1m30"])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [90_000, "1m30s"],
    [3_600_000, "1h0m0s"],
    [1500, "1.5s"],
    [0, "0s"],
    [0.25, "250µs"],
  ])("prints %s as Go does", (ms, text) => expect(printDuration(ms)).toBe(text));

  it("reads what it prints", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (ms) => {
        expect(parseDuration(printDuration(ms))).toBeCloseTo(ms, 6);
      }),
    );
  });
});

describe("sources of options", () => {
  it("names each option's variable as k6 does", () => {
    const names = (
      ["vus", "setupTimeout", "noVUConnectionReuse", "blacklistIPs", "insecureSkipTLSVerify", "localIPs"] as const
    ).map(environmentName);
    expect(names).toEqual([
      "K6_VUS",
      "K6_SETUP_TIMEOUT",
      "K6_NO_VU_CONNECTION_REUSE",
      "K6_BLACKLIST_IPS",
      "K6_INSECURE_SKIP_TLS_VERIFY",
      "K6_LOCAL_IPS",
    ]);
    expect(Object.keys(OPTION_FLAGS).sort()).toEqual(Object.keys(OPTION_READERS).sort());
  });

  it("lets flags win over the environment, the script and the file", () => {
    const problems: OptionProblem[] = [];
    const file = script({ userAgent: "file", batch: 1, rps: 1, maxRedirects: 1 });
    const inScript = script({ userAgent: "script", batch: 2, rps: 2 });
    const environment = optionsOfEnvironment({ K6_USER_AGENT: "environment", K6_BATCH: "3" }, problems);
    const flags = optionsOfFlags({ "user-agent": "flag" }, problems);
    const options = consolidate([file, inScript, environment, flags], problems);
    expect([options.userAgent, options.batch, options.rps, options.maxRedirects]).toEqual(["flag", 3, 2, 1]);
  });

  it("wipes a weaker source's shape of load as a whole", () => {
    const inScript = script({ vus: 7, scenarios: { a: { executor: "constant-vus", vus: 3, duration: "1m" } } });
    const options = consolidate([inScript, { duration: 5000 }]);
    expect(options.scenarios).toMatchObject({ default: { executor: "constant-vus", vus: 7, durationMs: 5000 } });
    expect(Object.keys(options.scenarios)).toEqual(["default"]);
  });

  it.each([
    [
      { iterations: 10, vus: 2 },
      { executor: "shared-iterations", vus: 2, iterations: 10, maxDurationMs: 600_000 },
    ],
    [
      { iterations: 10, duration: "5s" },
      { executor: "shared-iterations", vus: 1, iterations: 10, maxDurationMs: 5000 },
    ],
    [
      { duration: "5s", vus: 3 },
      { executor: "constant-vus", vus: 3, durationMs: 5000 },
    ],
    [{ stages: [{ duration: "5s", target: 4 }] }, { executor: "ramping-vus", startVUs: 1, gracefulRampDownMs: 30_000 }],
    [{ vus: 5 }, { executor: "shared-iterations", vus: 5, iterations: 5 }],
    [{}, { executor: "per-vu-iterations", vus: 1, iterations: 1 }],
  ])("turns %j into a scenario", (given, scenario) => {
    expect(consolidate([script(given)]).scenarios["default"]).toMatchObject(scenario);
  });

  it("reads flags and variables of every kind", () => {
    const problems: OptionProblem[] = [];
    const flags = optionsOfFlags(
      {
        stage: ["1m:10,30s:0", "5s:2"],
        tag: ["a=b", "c=d=e"],
        "summary-trend-stats": "avg,p(99.9)",
        "no-setup": true,
        dns: "ttl=1m,select=first,policy=onlyIPv4",
      },
      problems,
    );
    expect(problems).toEqual([]);
    expect(flags).toEqual({
      stages: [
        { durationMs: 60_000, target: 10 },
        { durationMs: 30_000, target: 0 },
        { durationMs: 5000, target: 2 },
      ],
      tags: { a: "b", c: "d=e" },
      summaryTrendStats: ["avg", "p(99.9)"],
      noSetup: true,
      dns: { ttl: "1m", select: "first", policy: "onlyIPv4" },
    });
    const environment = optionsOfEnvironment(
      { K6_STAGES: "1m:10,30s:0", K6_NO_SETUP: "1", K6_THRESHOLDS: '{"a":"count>1"}' },
      problems,
    );
    expect(environment.stages).toHaveLength(2);
    expect(environment.noSetup).toBe(true);
    expect(environment.thresholds).toEqual({ a: [{ threshold: "count>1", abortOnFail: false, delayAbortEvalMs: 0 }] });
  });
});

describe("what is wrong with options", () => {
  it.each([
    [{ thresolds: {} }, "options.thresolds: there is no such option; did you mean `thresholds`?"],
    [{ vus: "10" }, 'options.vus: expected a whole number, 0 or more, found the text "10"'],
    [
      { duration: "soon" },
      'options.duration: expected a duration such as "1m30s", or milliseconds, found the text "soon"',
    ],
    [{ stages: [{ duration: "1s" }] }, "options.stages[0]: `target` is missing"],
    [
      { stages: [{ duration: "1s", targt: 3 }] },
      "options.stages[0].targt: there is no such option; did you mean `target`?",
    ],
    [
      { scenarios: { a: { executor: "constant-vu" } } },
      "options.scenarios.a.executor: there is no executor `constant-vu`; did you mean `constant-vus`?",
    ],
    [
      { scenarios: { a: { executor: "constant-vus", vus: 1, duration: "1s", rate: 5 } } },
      "options.scenarios.a.rate: there is no such option; did you mean `stages`?",
    ],
    [
      { scenarios: { "a b": { executor: "constant-vus", duration: "1s" } } },
      'options.scenarios["a b"]: the name of a scenario',
    ],
    [{ scenarios: { a: { executor: "externally-controlled" } } }, "externally-controlled is refused"],
    [
      { scenarios: { a: { executor: "constant-arrival-rate", rate: 1, duration: "1s" } } },
      "`preAllocatedVUs` is missing",
    ],
    [
      {
        scenarios: { a: { executor: "constant-arrival-rate", rate: 1, duration: "1s", preAllocatedVUs: 5, maxVUs: 2 } },
      },
      "options.scenarios.a.maxVUs: is below preAllocatedVUs (5)",
    ],
    [{ thresholds: { x: [{ abortOnFail: true }] } }, "options.thresholds.x[0]: `threshold` is missing"],
    [{ summaryTrendStats: ["p(101)"] }, "options.summaryTrendStats[0]: expected avg"],
    [{ executionSegment: "2/1" }, "options.executionSegment: `2/1` ends after 1"],
  ])("says of %j where it is and what to do", (given, message) => {
    const text = problemsOf(() => script(given));
    // Which known key is nearest is the reader's business; that there is one place and one message is ours.
    expect(text).toContain(message.replace(/; did you mean `stages`\?$/, ""));
  });

  it.each([
    [{ iterations: 1, stages: [{ duration: "1s", target: 1 }] }, "`iterations` and `stages` cannot be used together"],
    [{ duration: "1s", scenarios: { a: { executor: "constant-vus", duration: "1s" } } }, "`duration` and `scenarios`"],
    [{ iterations: 2, vus: 5 }, "options.iterations: is below vus (5)"],
    [{ duration: 0 }, "options.duration: must be above 0"],
    [{ scenarios: {} }, "options.scenarios: has no scenario"],
  ])("refuses %j", (given, message) => expect(problemsOf(() => consolidate([script(given)]))).toContain(message));

  it("lists everything at once", () => {
    expect(problemsOf(() => script({ vus: -1, rps: "x", nonsense: 1 })).split("\n")).toHaveLength(3);
  });

  it("ignores what belongs to Grafana's products, and says so", () => {
    const problems: OptionProblem[] = [];
    const { notes } = readOptions({ cloud: { projectID: 1 }, ext: {} }, "options", problems);
    expect([problems, notes.length]).toEqual([[], 2]);
  });
});

it("reads the options that it prints", () => {
  const full: Partial<Record<OptionKey, unknown>> = {
    scenarios: {
      a: { executor: "ramping-vus", stages: [{ duration: "1m", target: 3 }], startTime: "3s", tags: { t: "1" } },
      b: {
        executor: "ramping-arrival-rate",
        startRate: 3,
        timeUnit: "1m",
        stages: [{ duration: "1s", target: 3 }],
        preAllocatedVUs: 1,
        maxVUs: 4,
      },
      c: { executor: "per-vu-iterations", vus: 2, iterations: 3, exec: "other", env: { A: "b" } },
    },
    thresholds: { http_req_duration: ["p(95)<500", { threshold: "avg<1", abortOnFail: true, delayAbortEval: "10s" }] },
    rps: 10,
    tlsVersion: { min: "tls1.2" },
    executionSegment: "1/4:1/2",
  };
  const options = consolidate([script(full)]);
  expect(consolidate([script(JSON.parse(JSON.stringify(printOptions(options))))])).toEqual(options);
});
