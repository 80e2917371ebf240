import type { Scenario, Stage } from "../options.ts";
import {
  duration,
  integer,
  isObject,
  listOf,
  mapOf,
  nearest,
  type OptionProblem,
  objectOf,
  pathOf,
  type Read,
  text,
} from "./reader.ts";

export const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_MAX_DURATION_MS = 600_000;

/** Users, iterations and rates beyond this are a mistake in the script, and would take the machine with them. */
const MAX_USERS = 1_000_000;

export const stageList: Read<readonly Stage[]> = (value, path, problems) => {
  const stages = listOf(objectOf({ duration, target: integer() }))(value, path, problems);
  return stages?.flatMap((stage, index) => {
    if (stage.duration === undefined || stage.target === undefined) {
      // What could not be read has been reported already.
      const missing = (["duration", "target"] as const).filter(
        (key) => stage[key] === undefined && !problems.some((problem) => problem.path === `${path}[${index}].${key}`),
      );
      for (const key of missing) problems.push({ path: `${path}[${index}]`, message: `\`${key}\` is missing` });
      return [];
    }
    return [{ durationMs: stage.duration, target: stage.target }];
  });
};

const COMMON = {
  executor: text,
  startTime: duration,
  gracefulStop: duration,
  env: mapOf(text),
  exec: text,
  tags: mapOf(text),
  // Of the browser module; refused where it asks for one.
  options: ((value) => value) as Read<unknown>,
};

const SHAPES = {
  "shared-iterations": { vus: integer(1), iterations: integer(1), maxDuration: duration },
  "per-vu-iterations": { vus: integer(1), iterations: integer(1), maxDuration: duration },
  "constant-vus": { vus: integer(1), duration },
  "ramping-vus": { startVUs: integer(), stages: stageList, gracefulRampDown: duration },
  "constant-arrival-rate": {
    rate: integer(1),
    timeUnit: duration,
    duration,
    preAllocatedVUs: integer(),
    maxVUs: integer(),
  },
  "ramping-arrival-rate": {
    startRate: integer(),
    timeUnit: duration,
    stages: stageList,
    preAllocatedVUs: integer(),
    maxVUs: integer(),
  },
} as const;

const EXECUTORS = Object.keys(SHAPES) as (keyof typeof SHAPES)[];

/** `options.scenarios`: each of an executor that we have, with that executor's keys and no others. */
export const scenarioMap: Read<Readonly<Record<string, Scenario>>> = (value, path, problems) => {
  const scenarios = mapOf(scenarioOption)(value, path, problems);
  for (const name of Object.keys(scenarios ?? {})) {
    if (!/^[0-9a-zA-Z_-]+$/.test(name))
      problems.push({
        path: pathOf(path, name),
        message: "the name of a scenario may have letters, digits, `_` and `-` only",
      });
  }
  return scenarios;
};

const scenarioOption: Read<Scenario> = (value, path, problems) => {
  if (!isObject(value)) {
    problems.push({ path, message: "expected an object" });
    return undefined;
  }
  const { executor } = value;
  if (typeof executor !== "string") {
    problems.push({ path, message: `\`executor\` is missing; it is one of ${EXECUTORS.join(", ")}` });
    return undefined;
  }
  if (executor === "externally-controlled") {
    problems.push({
      path: `${path}.executor`,
      message:
        "externally-controlled is refused: k6 removed it in version 2, and a run that is steered by hand cannot be repeated. Use ramping-vus",
    });
    return undefined;
  }
  const known = EXECUTORS.find((name) => name === executor);
  if (known === undefined) {
    const near = nearest(executor, EXECUTORS);
    problems.push({
      path: `${path}.executor`,
      message: `there is no executor \`${executor}\`${near === undefined ? `; there are ${EXECUTORS.join(", ")}` : `; did you mean \`${near}\`?`}`,
    });
    return undefined;
  }
  const before = problems.length;
  const read = objectOf({ ...COMMON, ...SHAPES[known] })(value, path, problems) as Readonly<Record<string, never>>;
  const scenario = complete(known, read, path, problems, before);
  return problems.length > before ? undefined : scenario;
};

function complete(
  executor: keyof typeof SHAPES,
  read: Readonly<Record<string, never>>,
  path: string,
  problems: OptionProblem[],
  before: number,
): Scenario {
  const fail = (key: string, message: string): void => void problems.push({ path: `${path}.${key}`, message });
  const need = (key: string): number => {
    const value = read[key] as number | undefined;
    if (value === undefined && !problems.slice(before).some((problem) => problem.path.startsWith(`${path}.${key}`)))
      problems.push({ path, message: `\`${key}\` is missing` });
    return value ?? 0;
  };
  const base = {
    startTimeMs: (read["startTime"] as number | undefined) ?? 0,
    gracefulStopMs: (read["gracefulStop"] as number | undefined) ?? DEFAULT_GRACE_MS,
    env: (read["env"] as Record<string, string> | undefined) ?? {},
    exec: (read["exec"] as string | undefined) ?? "default",
    tags: (read["tags"] as Record<string, string> | undefined) ?? {},
  };
  if (base.exec === "") fail("exec", "names no function; leave it out for `default`");
  const users = (key: string, otherwise: number): number => {
    const value = (read[key] as number | undefined) ?? otherwise;
    if (value > MAX_USERS) fail(key, `more than ${MAX_USERS} virtual users`);
    return value;
  };
  const positive = (key: string): number => {
    const value = need(key);
    if (read[key] !== undefined && value <= 0) fail(key, "must be above 0");
    return value;
  };
  const stages = (): readonly Stage[] => {
    const list = read["stages"] as readonly Stage[] | undefined;
    if (list === undefined) need("stages");
    else if (list.length === 0) fail("stages", "has no stage");
    else if (list.every(({ durationMs }) => durationMs === 0)) fail("stages", "takes no time at all");
    return list ?? [];
  };
  const arrival = () => {
    need("preAllocatedVUs");
    const preAllocatedVUs = users("preAllocatedVUs", 0);
    const maxVUs = users("maxVUs", preAllocatedVUs);
    if (maxVUs < preAllocatedVUs) fail("maxVUs", `is below preAllocatedVUs (${preAllocatedVUs})`);
    if (read["preAllocatedVUs"] !== undefined && maxVUs === 0) fail("preAllocatedVUs", "no virtual user is allowed");
    const timeUnitMs = (read["timeUnit"] as number | undefined) ?? 1000;
    if (timeUnitMs <= 0) fail("timeUnit", "must be above 0");
    return { timeUnitMs, preAllocatedVUs, maxVUs };
  };
  switch (executor) {
    case "shared-iterations":
    case "per-vu-iterations": {
      const vus = users("vus", 1);
      const iterations = (read["iterations"] as number | undefined) ?? 1;
      if (executor === "shared-iterations" && iterations < vus)
        fail("iterations", `is below vus (${vus}): some users would have nothing to do`);
      const maxDurationMs = (read["maxDuration"] as number | undefined) ?? DEFAULT_MAX_DURATION_MS;
      if (maxDurationMs <= 0) fail("maxDuration", "must be above 0");
      return { ...base, executor, vus, iterations, maxDurationMs };
    }
    case "constant-vus":
      return { ...base, executor, vus: users("vus", 1), durationMs: positive("duration") };
    case "ramping-vus": {
      const startVUs = users("startVUs", 1);
      const list = stages();
      if (list.length > 0 && startVUs === 0 && list.every(({ target }) => target === 0))
        fail("stages", "no stage has a user");
      for (const [index, { target }] of list.entries())
        if (target > MAX_USERS) fail(`stages[${index}].target`, `more than ${MAX_USERS} virtual users`);
      return {
        ...base,
        executor,
        startVUs,
        stages: list,
        gracefulRampDownMs: (read["gracefulRampDown"] as number | undefined) ?? DEFAULT_GRACE_MS,
      };
    }
    case "constant-arrival-rate":
      return { ...base, executor, rate: positive("rate"), durationMs: positive("duration"), ...arrival() };
    case "ramping-arrival-rate": {
      const startRate = (read["startRate"] as number | undefined) ?? 0;
      return { ...base, executor, startRate, stages: stages(), ...arrival() };
    }
  }
}

/** `10s:5` of `--stage` and K6_STAGES. */
export function parseStage(source: string): { readonly duration: string; readonly target: number } | undefined {
  const match = /^([^:]+):(\d+)$/.exec(source.trim());
  return match === null ? undefined : { duration: match[1]!, target: Number(match[2]) };
}
