import { dirname, resolve } from "node:path";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import { parseFreezeTime } from "./experiment/freeze.ts";
import { duration, expectation, size } from "./experiment/quantity.ts";
import { parseCpuList } from "./fault/stress-fault.ts";
import { checkSpec, PLURALS } from "./kubernetes/kinds.ts";
import { TOXIC_TYPES } from "./proxy/kinds.ts";

/** An experiment as a person writes it, in YAML or JSON; docs/guide/chaos.md explains each field. */

const name = z.string().regex(/^[^\p{C}]{1,80}$/u, "is 1 to 80 printable characters");
const proxyName = z.string().min(1).max(200);
/** One name or several. */
const proxies = z.union([proxyName, z.array(proxyName).min(1).max(100)]).transform((given) => [given].flat());
const api = z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:8474");

const probe = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("http"),
    name,
    url: z.url({ protocol: /^https?$/ }),
    method: z
      .string()
      .regex(/^[A-Z]+$/, "is a method in capitals")
      .default("GET"),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().optional(),
    /** Accepted statuses; without it 200 to 399. */
    status: z.union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).min(1)]).optional(),
    contains: z.string().optional(),
    within: duration.default(5000),
  }),
  z.strictObject({
    type: z.literal("tcp"),
    name,
    address: z.string().regex(/^.+:\d+$/, "is an address like 127.0.0.1:5432"),
    within: duration.default(5000),
  }),
  z.strictObject({
    type: z.literal("command"),
    name,
    run: z.array(z.string()).min(1),
    exitCode: z.int().min(0).max(255).default(0),
    contains: z.string().optional(),
    within: duration.default(30_000),
  }),
  z.strictObject({
    type: z.literal("sql"),
    name,
    statement: z.string().min(1),
    expect: expectation,
    within: duration.default(10_000),
  }),
  z.strictObject({
    type: z.literal("metric"),
    name,
    query: z.string().min(1),
    expect: expectation,
    within: duration.default(10_000),
  }),
]);

const target = z.union([
  z.strictObject({ pid: z.int().min(2) }),
  z.strictObject({
    /** The whole command line, exactly. */
    command: z.string().min(1),
    count: z.int().min(1).optional(),
    percent: z.number().gt(0).max(100).optional(),
  }),
]);

const fault = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("toxic"),
    name,
    api,
    proxy: proxies,
    toxic: z.enum(TOXIC_TYPES),
    stream: z.enum(["upstream", "downstream", "both"]).default("downstream"),
    toxicity: z.number().min(0).max(1).default(1),
    attributes: z.record(z.string(), z.union([z.number(), z.string()])).default({}),
  }),
  z.strictObject({ type: z.literal("down"), name, api, proxy: proxies }),
  z.strictObject({
    type: z.literal("cpu"),
    name,
    /** Percent of each stressed CPU. */
    load: z.number().min(1).max(100).default(100),
    /** `1-3`; without it all but the first `reserve`. */
    cpus: z.string().refine(isCpuList, "is no list like 0-2,5").optional(),
    /** CPUs left to the load generator. */
    reserve: z.int().min(0).default(1),
  }),
  z.strictObject({ type: z.literal("memory"), name, size, reserve: size.default(512 << 20) }),
  z.strictObject({ type: z.literal("pause"), name, target }),
  z.strictObject({ type: z.literal("kill"), name, target, signal: z.enum(["SIGKILL", "SIGTERM"]).default("SIGKILL") }),
  z
    .strictObject({
      type: z.literal("kubernetes"),
      name,
      kind: z.enum(Object.keys(PLURALS)),
      namespace: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "is no name of a namespace"),
      context: z.string().optional(),
      spec: z.record(z.string(), z.unknown()),
    })
    .superRefine(({ kind, spec }, context) => {
      for (const { path, message } of checkSpec(kind, spec))
        context.addIssue({ code: "custom", path: ["spec", ...path], message });
    }),
]);

const time = z.string().refine((text) => parseFreezeTime(text) !== undefined, "is no time like 09:00");
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const experiment = z
  .strictObject({
    name,
    description: z.string().optional(),
    steadyState: z.strictObject({
      title: z.string().min(1),
      /** `required`: it must hold while the fault does. `watched`: only before and after. */
      during: z.enum(["required", "watched"]).default("required"),
      every: duration.default(1000),
      probes: z.array(probe).min(1).max(50),
    }),
    load: z
      .strictObject({
        script: z.string().optional(),
        args: z.array(z.string()).default([]),
        /** Where the script's samples go as well: `traceo`, `json=out.json`. */
        out: z.array(z.string()).default([]),
        command: z.array(z.string()).min(1).optional(),
        environment: z.record(z.string(), z.string()).default({}),
      })
      .refine(
        (load) => (load.script === undefined) !== (load.command === undefined),
        "has either a script or a command",
      )
      .optional(),
    phases: z.strictObject({
      /** Load without judgement, until caches are warm. */
      warmup: duration.default(0),
      baseline: duration.default(10_000),
      hold: duration,
      /** Within this the steady state must be back. */
      recover: duration.default(60_000),
    }),
    timeouts: z.strictObject({ inject: duration.default(30_000), remove: duration.default(30_000) }).prefault({}),
    /** None: the load alone is the experiment. */
    faults: z.array(fault).max(20),
    abort: z.array(z.strictObject({ probe: name, failures: z.int().min(1).default(3) })).default([]),
    limits: z.strictObject({
      /** Nothing that is not named here is touched: `proxy:NAME`, `process:COMMAND LINE`, `pid:N`, `host`, `kubernetes:NAMESPACE`. */
      targets: z
        .array(
          z
            .string()
            .regex(
              /^(proxy:.+|process:.+|pid:\d+|host|kubernetes:.+)$/,
              "is none of proxy:NAME, process:COMMAND LINE, pid:N, host, kubernetes:NAMESPACE",
            ),
        )
        .min(1),
      maxTargets: z.int().min(1).default(1),
      /** Of the processes or pods that a target matches. */
      maxPercent: z.number().gt(0).max(100).default(100),
      /** Longest time that faults may last, whatever the phases say. */
      deadline: duration.optional(),
      /** When nothing may be injected. */
      freeze: z
        .array(
          z.strictObject({
            days: z
              .array(z.enum(DAYS))
              .min(1)
              .default([...DAYS]),
            from: time,
            to: time,
            timeZone: z.string().refine(isTimeZone, "is no time zone like Europe/Berlin").default("UTC"),
          }),
        )
        .default([]),
    }),
  })
  .superRefine((value, context) => {
    const names = value.steadyState.probes.map((each) => each.name);
    for (const [at, each] of value.abort.entries())
      if (!names.includes(each.probe))
        context.addIssue({
          code: "custom",
          path: ["abort", at, "probe"],
          message: `there is no probe \`${each.probe}\``,
        });
    for (const [kind, all] of [
      ["faults", value.faults.map((each) => each.name)],
      ["steadyState.probes", names],
    ] as const)
      for (const [at, each] of all.entries())
        if (all.indexOf(each) !== at)
          context.addIssue({
            code: "custom",
            path: [...kind.split("."), at, "name"],
            message: `there is another \`${each}\``,
          });
  });

export type Experiment = z.output<typeof experiment>;
export type Probe = Experiment["steadyState"]["probes"][number];
export type FaultDefinition = Experiment["faults"][number];

/**
 * @param path of the file, for messages and for what is named relative to it.
 * @param environment what `${NAME}` and `${NAME:-otherwise}` in its texts stand for.
 * Throws Failure "config-invalid" with one line a problem: `file:line: path: message`.
 */
export function parseExperiment(text: string, path: string, environment: Environment = {}): Experiment {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) throw invalid([`${path}:${lines.linePos(broken.pos[0]).line}: ${broken.message}`]);
  const unknown: { readonly path: readonly PropertyKey[]; readonly message: string }[] = [];
  const given = substitute(document.toJS(), environment, [], (at, name) =>
    unknown.push({ path: at, message: `\`${name}\` has no value; say --env ${name}=…` }),
  );
  if (unknown.length > 0) throw invalid(unknown.map((each) => where(each.path) + each.message));
  const parsed = experiment.safeParse(given);
  if (parsed.success) {
    const { load } = parsed.data;
    if (load?.script === undefined) return parsed.data;
    return { ...parsed.data, load: { ...load, script: resolve(dirname(path), load.script) } };
  }
  throw invalid(parsed.error.issues.flatMap(leaves).map((issue) => where(issue.path) + issue.message));

  function where(at: readonly PropertyKey[]): string {
    const range = nodeAt(document.contents, at)?.range;
    const line = range === undefined || range === null ? 1 : lines.linePos(range[0]).line;
    return `${path}:${line}: ${printPath(at)}: `;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** The value with the variables in its texts replaced; a text that is one variable may become a number. */
function substitute(
  value: unknown,
  environment: Environment,
  path: readonly PropertyKey[],
  missing: (path: readonly PropertyKey[], name: string) => void,
): unknown {
  if (typeof value === "string") {
    const text = value.replaceAll(VARIABLE, (_, name: string, otherwise: string | undefined) => {
      const found = environment[name] ?? otherwise;
      if (found === undefined) missing(path, name);
      return found ?? "";
    });
    return text !== value && /^\$\{[^}]*\}$/.test(value) && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  }
  if (Array.isArray(value)) return value.map((each, at) => substitute(each, environment, [...path, at], missing));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, substitute(each, environment, [...path, key], missing)]),
    );
  return value;
}

function invalid(problems: readonly string[]): Failure {
  return new Failure("config-invalid", problems.join("\n"), {
    remedy: "Correct the experiment's file; docs/guide/chaos.md explains its fields.",
  });
}

type Issue = z.core.$ZodIssue;

/** Of a choice between shapes, what is wrong with the one that comes nearest. */
function leaves(issue: Issue): readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = [...issue.errors].sort((a, b) => a.length - b.length)[0]!;
    return nearest.flatMap(leaves).map((each) => ({ path: [...issue.path, ...each.path], message: each.message }));
  }
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: "is not known" }));
  return [issue];
}

function printPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the experiment";
  return path
    .map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? String(part) : `.${String(part)}`))
    .join("");
}

/** The node of a path, or the nearest above it. */
function nodeAt(root: Node | null, path: readonly PropertyKey[]): Node | null {
  let node: Node | null = root;
  for (const part of path) {
    let next: unknown;
    if (isMap(node))
      next =
        node.items.find(({ key }) => isScalar(key) && key.value === part)?.value ??
        node.items.find(({ key }) => isScalar(key) && key.value === part)?.key;
    else if (isSeq(node)) next = node.items[Number(part)];
    if (next === undefined || next === null) return node;
    node = next as Node;
  }
  return node;
}

function isCpuList(text: string): boolean {
  try {
    return parseCpuList(text).length > 0;
  } catch {
    return false;
  }
}

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }) !== undefined;
  } catch {
    return false;
  }
}
