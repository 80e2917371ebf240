/** The kinds of Chaos Mesh that we make, with the names of their resources and the actions that each knows. */
export const PLURALS: Readonly<Record<string, string>> = {
  NetworkChaos: "networkchaos",
  StressChaos: "stresschaos",
  PodChaos: "podchaos",
  IOChaos: "iochaos",
  TimeChaos: "timechaos",
  HTTPChaos: "httpchaos",
};

const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  NetworkChaos: ["netem", "delay", "loss", "duplicate", "corrupt", "partition", "bandwidth"],
  PodChaos: ["pod-kill", "pod-failure", "container-kill"],
  IOChaos: ["latency", "fault", "attrOverride", "mistake"],
};

/** What a kind's `spec` must hold besides its selector. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  NetworkChaos: ["action"],
  PodChaos: ["action"],
  IOChaos: ["action", "volumePath"],
  TimeChaos: ["timeOffset"],
  HTTPChaos: ["target", "port"],
};

const MODES = ["one", "all", "fixed", "fixed-percent", "random-max-percent"];

/** Over at once: a duration would only keep the object. */
export function isOneShot(kind: string, spec: Readonly<Record<string, unknown>>): boolean {
  return kind === "PodChaos" && (spec["action"] === "pod-kill" || spec["action"] === "container-kill");
}

export interface SpecProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** What is wrong with an object's spec before a cluster sees it. */
export function checkSpec(kind: string, spec: Readonly<Record<string, unknown>>): readonly SpecProblem[] {
  const problems: SpecProblem[] = [];
  const say = (path: readonly string[], message: string): void => void problems.push({ path, message });
  for (const field of REQUIRED[kind] ?? []) if (spec[field] === undefined) say([field], "is missing");
  const actions = ACTIONS[kind];
  const action = spec["action"];
  if (actions !== undefined && action !== undefined && !actions.includes(String(action)))
    say(["action"], `is none of ${actions.join(", ")}`);
  if (kind === "StressChaos" && spec["stressors"] === undefined && spec["stressngStressors"] === undefined)
    say(["stressors"], "is missing");
  if (kind === "HTTPChaos" && spec["target"] !== undefined && !["Request", "Response"].includes(String(spec["target"])))
    say(["target"], "is neither Request nor Response");
  if (!MODES.includes(String(spec["mode"]))) say(["mode"], `is none of ${MODES.join(", ")}`);
  if (/^(fixed|random)/.test(String(spec["mode"])) && !/^\d+$/.test(String(spec["value"] ?? "")))
    say(["value"], 'is a number in quotes, like "50"');
  const selector = spec["selector"];
  if (typeof selector !== "object" || selector === null) say(["selector"], "is missing");
  else if (!Array.isArray((selector as { namespaces?: unknown }).namespaces) && !("pods" in selector))
    say(["selector", "namespaces"], "is missing: without it every namespace is selected");
  if (spec["duration"] !== undefined) say(["duration"], "is set by Traceo from the phases");
  return problems;
}
