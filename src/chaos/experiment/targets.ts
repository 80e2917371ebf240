import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { Failure } from "#runtime/failure.ts";
import type { Experiment, FaultDefinition } from "../experiment-file.ts";
import type { FaultSpec } from "../fault/fault.ts";
import { allowedCpus, parseCpuList } from "../fault/stress-fault.ts";
import { listProcesses, type ProcessEntry, type ProcessIdentity, processTree } from "../process/process-table.ts";
import { mergeAttributes, toxicKind } from "../proxy/kinds.ts";

/** A fault with its targets found and within the limits. */
export interface ResolvedFault {
  readonly name: string;
  readonly spec: FaultSpec;
  /** What a lease is taken for: two experiments must not touch the same. */
  readonly targets: readonly string[];
  /** CPUs that the load generator keeps for itself. */
  readonly generatorCpus?: readonly number[];
}

/** A stress may take no more of the machine's memory. */
const MEMORY_SHARE = 0.8;

/**
 * Finds what each fault touches and holds it against the limits. Throws "forbidden" for a target that is not on the list, is part
 * of our own process tree, or is one too many; "not-found" for a command that nobody runs.
 */
export async function resolveFaults(experiment: Experiment, random: () => number): Promise<readonly ResolvedFault[]> {
  const processes = await listProcesses();
  const own = processTree(processes, process.pid);
  const resolved: ResolvedFault[] = [];
  for (const fault of experiment.faults)
    resolved.push(await resolve(fault, experiment.limits, { processes, own, random }));
  const count = new Set(resolved.flatMap(({ targets }) => targets)).size;
  if (count > experiment.limits.maxTargets)
    throw new Failure(
      "forbidden",
      `The faults touch ${count} targets, more than limits.maxTargets (${experiment.limits.maxTargets}).`,
      {
        remedy: "Raise the limit if this is meant.",
      },
    );
  return resolved;
}

type Limits = Experiment["limits"];

interface Surroundings {
  readonly processes: readonly ProcessEntry[];
  readonly own: ReadonlySet<number>;
  readonly random: () => number;
}

async function resolve(fault: FaultDefinition, limits: Limits, surroundings: Surroundings): Promise<ResolvedFault> {
  const { name } = fault;
  switch (fault.type) {
    case "toxic": {
      for (const proxy of fault.proxy) allow(limits, name, [`proxy:${proxy}`]);
      const { api, proxy: proxies, toxicity, attributes } = fault;
      const streams = fault.stream === "both" ? (["upstream", "downstream"] as const) : [fault.stream];
      const kind = toxicKind(fault.toxic, streams[0]!)!;
      for (const attribute of Object.keys(attributes))
        if (!Object.hasOwn(kind.attributes, attribute))
          throw new Failure(
            "config-invalid",
            `${name}: ${fault.toxic} has no attribute \`${attribute}\`; it has ${Object.keys(kind.attributes).join(", ")}.`,
            { remedy: "Correct the attribute." },
          );
      mergeAttributes(kind, kind.attributes, attributes);
      return {
        name,
        spec: { type: "toxic", api, proxies, streams, toxic: { type: fault.toxic, toxicity, attributes } },
        targets: proxies.map((proxy) => `proxy:${api}/${proxy}`),
      };
    }
    case "down": {
      for (const proxy of fault.proxy) allow(limits, name, [`proxy:${proxy}`]);
      const { api, proxy: proxies } = fault;
      return {
        name,
        spec: { type: "down", api, proxies },
        targets: proxies.map((proxy) => `proxy:${api}/${proxy}`),
      };
    }
    case "cpu": {
      allow(limits, name, ["host"]);
      const all = await allowedCpus((path) => readFile(path, "utf8"));
      // Of a single CPU nothing can be reserved.
      const reserved = all.slice(0, Math.min(fault.reserve, all.length - 1));
      const cpus = fault.cpus === undefined ? all.slice(reserved.length) : parseCpuList(fault.cpus);
      const unknown = cpus.filter((cpu) => !all.includes(cpu));
      if (unknown.length > 0)
        throw new Failure(
          "config-invalid",
          `${name}: this process may not run on CPU ${unknown.join(", ")}; it may on ${all.join(", ")}.`,
          {
            remedy: "Correct `cpus`.",
          },
        );
      const generatorCpus = all.filter((cpu) => !cpus.includes(cpu));
      return { name, spec: { type: "cpu", loadPercent: fault.load, cpus }, targets: ["host"], generatorCpus };
    }
    case "memory": {
      allow(limits, name, ["host"]);
      if (fault.size > totalmem() * MEMORY_SHARE)
        throw new Failure(
          "forbidden",
          `${name}: ${fault.size} bytes are more than ${MEMORY_SHARE * 100}% of this machine's memory.`,
          {
            remedy: "Take less.",
          },
        );
      return { name, spec: { type: "memory", bytes: fault.size, reserveBytes: fault.reserve }, targets: ["host"] };
    }
    case "pause":
    case "kill": {
      const found = findProcesses(fault, limits, surroundings);
      const processes = found.map(({ pid, started, command }): ProcessIdentity => ({ pid, started, command }));
      return {
        name,
        spec: fault.type === "pause" ? { type: "pause", processes } : { type: "kill", signal: fault.signal, processes },
        targets: processes.map(({ pid, started }) => `pid:${pid}:${started}`),
      };
    }
    case "kubernetes": {
      const selected = (fault.spec["selector"] as { namespaces?: readonly string[]; pods?: object } | undefined) ?? {};
      const namespaces = new Set([
        fault.namespace,
        ...(selected.namespaces ?? []),
        ...Object.keys(selected.pods ?? {}),
      ]);
      for (const namespace of namespaces) allow(limits, name, [`kubernetes:${namespace}`]);
      limitPods(fault.name, fault.spec, limits);
      const { kind, namespace, spec, context } = fault;
      return {
        name,
        spec: { type: "kubernetes", kind, namespace, spec, ...(context === undefined ? {} : { context }) },
        targets: [...namespaces].map((each) => `kubernetes:${context ?? ""}/${each}`),
      };
    }
  }
}

function allow(limits: Limits, fault: string, anyOf: readonly string[]): void {
  if (anyOf.some((target) => limits.targets.includes(target))) return;
  throw new Failure("forbidden", `${fault}: \`${anyOf[0]}\` is not among limits.targets.`, {
    remedy: "Name it there if this is meant.",
  });
}

function findProcesses(
  fault: Extract<FaultDefinition, { type: "pause" | "kill" }>,
  limits: Limits,
  { processes, own, random }: Surroundings,
): readonly ProcessEntry[] {
  const { target, name } = fault;
  const alive = processes.filter(({ isZombie, command }) => !isZombie && command !== "");
  let matching: readonly ProcessEntry[];
  let chosen: readonly ProcessEntry[];
  if ("pid" in target) {
    const entry = alive.find(({ pid }) => pid === target.pid);
    if (entry === undefined) throw nobody(name, `pid ${target.pid}`);
    allow(limits, name, [`pid:${entry.pid}`, `process:${entry.command}`]);
    chosen = [entry];
    matching = alive.filter(({ command }) => command === entry.command);
  } else {
    allow(limits, name, [`process:${target.command}`]);
    matching = alive.filter(({ command }) => command === target.command);
    if (matching.length === 0) throw nobody(name, `\`${target.command}\``);
    const most = target.count ?? Math.max(1, Math.floor((matching.length * (target.percent ?? 0)) / 100));
    chosen = shuffled(matching, random).slice(0, most);
  }
  const ours = chosen.find(({ pid }) => own.has(pid) || pid === 1);
  if (ours !== undefined)
    throw new Failure("forbidden", `${name}: process ${ours.pid} (${ours.command}) belongs to this experiment.`, {
      remedy: "Name another process.",
    });
  if (chosen.length > limits.maxTargets)
    throw new Failure(
      "forbidden",
      `${name}: ${chosen.length} processes are more than limits.maxTargets (${limits.maxTargets}).`,
      {
        remedy: "Raise the limit if this is meant.",
      },
    );
  const percent = (chosen.length / matching.length) * 100;
  if (percent > limits.maxPercent)
    throw new Failure(
      "forbidden",
      `${name}: ${chosen.length} of ${matching.length} processes are more than limits.maxPercent (${limits.maxPercent}).`,
      {
        remedy: "Raise the limit if this is meant.",
      },
    );
  return chosen;
}

function nobody(fault: string, who: string): Failure {
  return new Failure("not-found", `${fault}: no process is ${who}.`, {
    remedy: "Write the whole command line exactly as `ps -o command=` shows it.",
  });
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const all = [...items];
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all;
}

function limitPods(fault: string, spec: Readonly<Record<string, unknown>>, limits: Limits): void {
  const value = Number(spec["value"]);
  const isTooMany =
    (spec["mode"] === "all" && limits.maxPercent < 100) ||
    (String(spec["mode"]).endsWith("percent") && value > limits.maxPercent) ||
    (spec["mode"] === "fixed" && value > limits.maxTargets);
  if (isTooMany)
    throw new Failure(
      "forbidden",
      `${fault}: mode ${String(spec["mode"])}${Number.isNaN(value) ? "" : ` of ${value}`} is more than the limits allow.`,
      {
        remedy: "Lower it, or raise limits.maxPercent or limits.maxTargets.",
      },
    );
}
