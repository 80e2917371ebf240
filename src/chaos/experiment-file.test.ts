import { describe, expect, it } from "vitest";
import { parseExperiment } from "./experiment-file.ts";

const WHOLE = `name: shop under loss
steadyState:
  title: orders go through
  probes:
    - { type: http, name: gateway, url: "http://127.0.0.1:8080/", within: 1s }
    - { type: sql, name: errors, statement: "SELECT 1", expect: "< 0.02" }
load: { script: ./load.js }
phases: { hold: 30s }
faults:
  - { type: toxic, name: loss, proxy: gateway, toxic: loss, attributes: { loss: 0.5 } }
limits: { targets: ["proxy:gateway"] }
`;

const problems = (text: string): string => {
  try {
    parseExperiment(text, "/work/x.yaml");
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was accepted");
};

describe("an experiment's file", () => {
  it("is read with its defaults, in YAML and in JSON", () => {
    const parsed = parseExperiment(WHOLE, "/work/x.yaml");
    expect(parsed).toMatchObject({
      load: { script: "/work/load.js" },
      phases: { warmup: 0, baseline: 10_000, hold: 30_000, recover: 60_000 },
      steadyState: {
        during: "required",
        probes: [{ within: 1000, method: "GET" }, { expect: { comparison: "<", bound: 0.02 } }],
      },
      faults: [{ api: "http://127.0.0.1:8474", proxy: ["gateway"], stream: "downstream", toxicity: 1 }],
      limits: { maxTargets: 1, maxPercent: 100, freeze: [] },
    });
    const json = JSON.stringify({
      name: "j",
      steadyState: { title: "t", probes: [{ type: "tcp", name: "p", address: "127.0.0.1:1" }] },
      phases: { hold: "1s" },
      faults: [{ type: "cpu", name: "c", load: 80 }],
      limits: { targets: ["host"] },
    });
    expect(parseExperiment(json, "/x.json").faults[0]).toMatchObject({ type: "cpu", load: 80, reserve: 1 });
  });

  it.each([
    [
      "hold: 30s",
      "hold: half an hour",
      "/work/x.yaml:8: phases.hold: is no duration like 500ms, 30s, 5m or 1h (7 days at most)",
    ],
    ["within: 1s", "within: 1s, wihtin: 2s", "/work/x.yaml:5: steadyState.probes[0].wihtin: is not known"],
    ['"< 0.02"', '"low"', "/work/x.yaml:6: steadyState.probes[1].expect: is no comparison like `< 0.02` or `>= 100`"],
    ["toxic: loss,", "toxic: fire,", /x\.yaml:10: faults\[0\]\.toxic: Invalid option: expected one of "latency"/],
    [
      "proxy:gateway",
      "gateway",
      "/work/x.yaml:11: limits.targets[0]: is none of proxy:NAME, process:COMMAND LINE, pid:N, host, kubernetes:NAMESPACE",
    ],
    ["name: errors", "name: gateway", "/work/x.yaml:6: steadyState.probes[1].name: there is another `gateway`"],
    ["{ script: ./load.js }", "{ args: [-u] }", "/work/x.yaml:7: load: has either a script or a command"],
    [
      "limits: {",
      "abort: [{ probe: nobody }]\nlimits: {",
      "/work/x.yaml:11: abort[0].probe: there is no probe `nobody`",
    ],
    ["name: shop", "name: [shop", /x\.yaml:[23]: /],
    ["type: toxic", "type: flood", /x\.yaml:10: faults\[0\]\.type: Invalid discriminator value/],
    [/limits.*/, "", /x\.yaml:1: limits: Invalid input/],
  ] as const)("names file, line and path: %s → %s", (from, to, message) => {
    const text = problems(WHOLE.replace(from, to));
    if (typeof message === "string") expect(text).toBe(message);
    else expect(text).toMatch(message);
  });

  it("takes values from the environment, and says which has none", () => {
    const text = WHOLE.replace("http://127.0.0.1:8080/", `\${SHOP}/`)
      .replace("loss: 0.5", `loss: "\${LOSS:-0.25}"`)
      .replace("30s", `"\${HOLD:-7s}"`);
    expect(parseExperiment(text, "/x.yaml", { SHOP: "http://shop.example" })).toMatchObject({
      steadyState: { probes: [{ url: "http://shop.example/" }, {}] },
      faults: [{ attributes: { loss: 0.25 } }],
      phases: { hold: 7000 },
    });
    expect(problems(text)).toBe("/work/x.yaml:5: steadyState.probes[0].url: `SHOP` has no value; say --env SHOP=…");
  });

  it("looks at Chaos Mesh's objects before a cluster does", () => {
    const kubernetes = (rest: string): string =>
      WHOLE.replace(
        / {2}- \{ type: toxic.*/,
        `  - { type: kubernetes, name: k, kind: NetworkChaos, namespace: shop, spec: ${rest} }`,
      );
    expect(
      problems(kubernetes('{ action: lose, mode: fixed-percent, selector: { namespaces: [shop] }, duration: "1s" }')),
    ).toBe(
      [
        "/work/x.yaml:10: faults[0].spec.action: is none of netem, delay, loss, duplicate, corrupt, partition, bandwidth",
        '/work/x.yaml:10: faults[0].spec.value: is a number in quotes, like "50"',
        "/work/x.yaml:10: faults[0].spec.duration: is set by Traceo from the phases",
      ].join("\n"),
    );
  });
});
