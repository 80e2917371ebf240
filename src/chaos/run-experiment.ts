import { randomBytes } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { describeError, Failure } from "#runtime/failure.ts";
import type { ChaosState } from "./chaos-state.ts";
import { frozenBy } from "./experiment/freeze.ts";
import { type AskNumber, runProbe } from "./experiment/steady-state.ts";
import { type ResolvedFault, resolveFaults } from "./experiment/targets.ts";
import type { Experiment } from "./experiment-file.ts";
import type { Fault } from "./fault/fault.ts";
import { type Injection, injectFault } from "./injector/injection.ts";
import type { FaultEntry, Journal, PhaseEntry, ProbeEntry, Verdict } from "./journal.ts";
import type { LoadOutcome, LoadUnderway, Phase, StartLoad } from "./load-underway.ts";
import { keepToCpus } from "./process/affinity.ts";
import { findProcess } from "./process/process-table.ts";

export interface ExperimentDependencies {
  readonly state: ChaosState;
  readonly ask: AskNumber;
  readonly startLoad: StartLoad;
  readonly random: () => number;
  /** Told each change, for people who wait. */
  readonly onProgress?: (line: string) => void;
  /** For tests: the built injector-worker. */
  readonly workerScript?: string;
}

/** Consecutive good looks at all probes that count as recovered. */
const GOOD_LOOKS = 2;
/** Faults may outlast the phases by so much before their own deadline ends them. */
const DEADLINE_SLACK_MS = 30_000;
const MOST_PROBE_ENTRIES = 20_000;
const UNDO_TIMEOUT_MS = 30_000;

/** What ends an experiment before its time. */
class Cut extends Error {
  readonly verdict: Exclude<Verdict, "passed">;

  constructor(verdict: Exclude<Verdict, "passed">, reason: string) {
    super(reason);
    this.verdict = verdict;
  }
}

/**
 * Runs an experiment from the first look to the last:
 *
 *   undo what others left ─► limits, leases ─► load ─► warmup ─► baseline ─► inject ─► hold ─► remove ─► recover ─► verdict
 *
 * Whatever happens after the first injection, the faults are removed and looked for. Throws a Failure when it could not begin
 * (a limit, a lease, a target that is not there, a frozen time, a load that does not start); after that it always answers a journal.
 */
export async function runExperiment(
  experiment: Experiment,
  file: string,
  dependencies: ExperimentDependencies,
  stop: AbortSignal,
): Promise<Journal> {
  return await new Run(experiment, file, dependencies, stop).run();
}

class Run {
  readonly #experiment: Experiment;
  readonly #file: string;
  readonly #with: ExperimentDependencies;
  readonly #stop: AbortSignal;
  readonly #startedMs = Date.now();
  readonly #id: string;
  readonly #phases: PhaseEntry[] = [];
  readonly #probes: ProbeEntry[] = [];
  readonly #faults: FaultEntry[] = [];
  readonly #remarks: string[] = [];
  readonly #reasons: string[] = [];
  readonly #failuresInARow = new Map<string, number>();
  #injections: { readonly injection: Injection; readonly at: number }[] = [];
  #earlyEnd: string | undefined;
  #phase: Phase = "warmup";
  #load: LoadUnderway | undefined;
  #loadEnded = false;
  #recoveredAfterMs: number | undefined;
  #verdict: Verdict = "passed";

  constructor(experiment: Experiment, file: string, dependencies: ExperimentDependencies, stop: AbortSignal) {
    this.#experiment = experiment;
    this.#file = file;
    this.#with = dependencies;
    this.#stop = stop;
    const time = new Date(this.#startedMs).toISOString().replaceAll(/[-:.]/g, "");
    this.#id = `${time}-${randomBytes(3).toString("hex")}`;
  }

  async run(): Promise<Journal> {
    const { state } = this.#with;
    const replay = await state.undo({ removeTimeoutMs: UNDO_TIMEOUT_MS });
    for (const { why } of replay.failed)
      throw new Failure("conflict", `A fault of an earlier experiment may still be there: ${why}`, {
        remedy: "Mend what the message names, then run `traceo chaos undo`.",
      });
    const { limits } = this.#experiment;
    const frozen = frozenBy(limits.freeze, Date.now());
    if (frozen !== undefined)
      throw new Failure(
        "forbidden",
        `Nothing may be injected now: frozen from ${frozen.from} to ${frozen.to} ${frozen.timeZone}.`,
        {
          remedy: "Wait, or change limits.freeze.",
        },
      );
    const seed = Math.floor(this.#with.random() * 2 ** 32);
    const resolved = await resolveFaults(this.#experiment, seeded(seed));
    const leases: AsyncDisposable[] = [];
    let outcome: LoadOutcome | undefined;
    try {
      for (const target of new Set(resolved.flatMap(({ targets }) => targets)))
        leases.push(await state.lease(target, `${this.#experiment.name} (process ${process.pid}, ${this.#id})`));
      outcome = await this.#experience(resolved);
    } finally {
      for (const lease of leases) await lease[Symbol.asyncDispose]();
    }
    return {
      version: 1,
      id: this.#id,
      file: this.#file,
      experiment: this.#experiment,
      seed,
      host: { name: hostname(), node: process.version, cpus: availableParallelism() },
      startedMs: this.#startedMs,
      endedMs: Date.now(),
      verdict: this.#verdict,
      reasons: this.#reasons,
      remarks: this.#remarks,
      phases: this.#phases,
      faults: this.#faults,
      probes: this.#probes,
      ...(this.#recoveredAfterMs === undefined ? {} : { recoveredAfterMs: this.#recoveredAfterMs }),
      ...(outcome === undefined ? {} : { load: outcome }),
      undoneBefore: replay.undone.map(({ name, experiment }) => `${name} (${experiment})`),
    };
  }

  async #experience(resolved: readonly ResolvedFault[]): Promise<LoadOutcome | undefined> {
    const { phases } = this.#experiment;
    const generatorCpus = resolved.find((fault) => fault.generatorCpus !== undefined)?.generatorCpus;
    const release = await this.#keepGeneratorAway(generatorCpus);
    try {
      await this.#startLoad();
    } catch (error) {
      await release();
      throw error;
    }
    try {
      if (phases.warmup > 0) await this.#during("warmup", () => this.#wait(phases.warmup));
      await this.#during("baseline", () => this.#baseline());
      await this.#during("inject", () => this.#inject(resolved));
      await this.#during("hold", () => this.#hold());
    } catch (error) {
      this.#cut(error);
    }
    try {
      if (this.#injections.length > 0) {
        await this.#during("remove", () => this.#remove());
        const goneMs = Date.now();
        // An operator who stops wants it to stop; otherwise the way back is worth seeing, even of an aborted experiment.
        if (!this.#stop.aborted) await this.#during("recover", () => this.#recover(goneMs));
      }
    } catch (error) {
      this.#cut(error);
    }
    const outcome = await this.#stopLoad();
    await release();
    return outcome;
  }

  async #keepGeneratorAway(cpus: readonly number[] | undefined): Promise<() => Promise<void>> {
    if (cpus === undefined) return async () => undefined;
    if (cpus.length === 0) {
      this.#remarks.push("The CPU stress shares its CPUs with the load generator: there is no other.");
      return async () => undefined;
    }
    const kept = await keepToCpus(cpus);
    if (kept === undefined) {
      this.#remarks.push("The load generator could not be kept off the stressed CPUs: `taskset` is missing.");
      return async () => undefined;
    }
    this.#remarks.push(`The load generator ran on CPU ${cpus.join(", ")}, away from the stress.`);
    return kept;
  }

  async #startLoad(): Promise<void> {
    const { load, name } = this.#experiment;
    if (load === undefined) return;
    this.#load = await this.#with.startLoad(
      {
        ...(load.script === undefined ? {} : { script: load.script }),
        ...(load.command === undefined ? {} : { command: load.command }),
        args: load.args,
        outputs: load.out,
        environment: load.environment,
        experiment: name,
        journalId: this.#id,
      },
      this.#stop,
    );
    void this.#load.ended.then(() => {
      this.#loadEnded = true;
    });
  }

  async #stopLoad(): Promise<LoadOutcome | undefined> {
    if (this.#load === undefined) return undefined;
    try {
      const outcome = await this.#load.stop();
      if (outcome.saturation !== undefined)
        this.#judge("void", `The load generator was the bottleneck: ${outcome.saturation}`);
      else if (!outcome.passed) {
        const crossed = outcome.thresholds.filter(({ passed }) => !passed).map(({ name }) => name);
        this.#judge(
          "failed",
          `The load's thresholds were crossed${crossed.length === 0 ? "" : `: ${crossed.join(", ")}`}`,
        );
      }
      return outcome;
    } catch (error) {
      this.#judge("void", `The load broke: ${describeError(error)}`);
      return undefined;
    }
  }

  async #during(phase: Phase, action: () => Promise<void>): Promise<void> {
    const startedMs = Date.now();
    this.#phase = phase;
    this.#load?.setPhase(phase);
    this.#with.onProgress?.(phase);
    try {
      await action();
    } finally {
      this.#phases.push({ phase, startedMs, endedMs: Date.now() });
    }
  }

  async #baseline(): Promise<void> {
    await this.#observe(this.#experiment.phases.baseline, (bad) => {
      if (bad.length > 0)
        throw new Cut("void", `No steady state to begin with: ${bad.map(sentence).join("; ")}. Nothing was injected.`);
    });
  }

  async #inject(resolved: readonly ResolvedFault[]): Promise<void> {
    const { timeouts, limits, phases, name: experiment } = this.#experiment;
    const self = await findProcess({ pid: process.pid });
    const lastsMs =
      limits.deadline ?? timeouts.inject * resolved.length + phases.hold + timeouts.remove + DEADLINE_SLACK_MS;
    const deadlineMs = Date.now() + lastsMs;
    for (const { name, spec, targets } of resolved) {
      this.#check();
      const fault: Fault = {
        id: randomBytes(6).toString("hex"),
        experiment,
        name,
        spec,
        createdMs: Date.now(),
        deadlineMs,
        owner: { pid: process.pid, started: self?.started ?? "" },
      };
      const at = this.#faults.push({ name, id: fault.id, type: spec.type, targets, askedMs: fault.createdMs }) - 1;
      try {
        const injection = await injectFault(fault, {
          records: this.#with.state.records,
          recordsDirectory: this.#with.state.recordsDirectory,
          injectTimeoutMs: timeouts.inject,
          removeTimeoutMs: timeouts.remove,
          ...(this.#with.workerScript === undefined ? {} : { workerScript: this.#with.workerScript }),
        });
        this.#injections.push({ injection, at });
        this.#faults[at] = { ...this.#faults[at]!, seenMs: Date.now() };
        void injection.endedEarly.then((why) => {
          this.#faults[at] = { ...this.#faults[at]!, endedEarly: why };
          this.#earlyEnd ??= `The fault \`${name}\` ended early: ${why}`;
        });
        this.#with.onProgress?.(`  ${name} is there`);
      } catch (error) {
        this.#faults[at] = {
          ...this.#faults[at]!,
          problem: describeError(error),
          ...(await this.#goneIfClosed(fault)),
        };
        throw new Cut("aborted", `Could not inject ${describeError(error)}`);
      }
    }
  }

  /** A record is closed only when the removal was seen. */
  async #goneIfClosed(fault: Fault): Promise<{ readonly goneMs?: number }> {
    return (await this.#with.state.records.read(fault.id)) === undefined ? { goneMs: Date.now() } : {};
  }

  async #hold(): Promise<void> {
    const { steadyState, phases } = this.#experiment;
    const failed = new Set<string>();
    await this.#observe(phases.hold, (bad) => {
      for (const each of bad) {
        this.#abortAfter(each);
        if (steadyState.during === "required" && !failed.has(each.name)) {
          failed.add(each.name);
          this.#judge("failed", `The steady state did not hold under the fault: ${sentence(each)}`);
        }
      }
    });
  }

  #abortAfter(bad: ProbeEntry): void {
    const most = this.#experiment.abort.find(({ probe }) => probe === bad.name)?.failures;
    if (most !== undefined && (this.#failuresInARow.get(bad.name) ?? 0) >= most)
      throw new Cut("aborted", `${sentence(bad)}, ${most} times in a row`);
  }

  async #remove(): Promise<void> {
    for (const { injection, at } of this.#injections.reverse()) {
      try {
        await injection.remove();
        this.#faults[at] = { ...this.#faults[at]!, goneMs: Date.now() };
        this.#with.onProgress?.(`  ${injection.fault.name} is gone`);
      } catch (error) {
        this.#faults[at] = { ...this.#faults[at]!, problem: describeError(error) };
        this.#judge("failed", describeError(error));
      }
    }
    this.#injections = [];
  }

  async #recover(goneMs: number): Promise<void> {
    let goodLooks = 0;
    let firstGoodMs: number | undefined;
    let lastBad: readonly ProbeEntry[] = [];
    await this.#observe(this.#experiment.phases.recover, (bad) => {
      goodLooks = bad.length === 0 ? goodLooks + 1 : 0;
      if (bad.length > 0) lastBad = bad;
      firstGoodMs = bad.length > 0 ? undefined : (firstGoodMs ?? Date.now());
      return goodLooks >= GOOD_LOOKS;
    });
    if (firstGoodMs === undefined || goodLooks < GOOD_LOOKS)
      this.#judge(
        "failed",
        `The steady state did not come back within ${this.#experiment.phases.recover} ms: ${lastBad.map(sentence).join("; ") || "too few looks"}`,
      );
    else this.#recoveredAfterMs = firstGoodMs - goneMs;
  }

  /** Looks at all probes every `every` for `ms`, at least once; `judge` answers true to stop looking. */
  async #observe(ms: number, judge: (bad: readonly ProbeEntry[]) => boolean | undefined): Promise<void> {
    const { probes, every } = this.#experiment.steadyState;
    const endMs = performance.now() + ms;
    for (;;) {
      const nextMs = performance.now() + every;
      const results = await Promise.all(probes.map((probe) => runProbe(probe, this.#with.ask, this.#stop)));
      this.#check();
      const entries = results.map((result): ProbeEntry => ({ atMs: Date.now(), phase: this.#phase, ...result }));
      for (const entry of entries)
        this.#failuresInARow.set(entry.name, entry.ok ? 0 : (this.#failuresInARow.get(entry.name) ?? 0) + 1);
      if (this.#probes.length < MOST_PROBE_ENTRIES) this.#probes.push(...entries);
      else if (!this.#remarks.includes(TOO_MANY)) this.#remarks.push(TOO_MANY);
      if (judge(entries.filter(({ ok }) => !ok)) === true) return;
      if (performance.now() >= endMs) return;
      await this.#wait(Math.max(0, Math.min(nextMs, endMs) - performance.now()));
    }
  }

  /** Throws a Cut as soon as there is a reason to stop. */
  async #wait(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    for (this.#check(); performance.now() < endMs; this.#check())
      await pause(Math.min(CHECK_MS, endMs - performance.now()), this.#stop);
  }

  #check(): void {
    if (this.#stop.aborted && this.#phase !== "remove") throw new Cut("aborted", "Stopped by the operator.");
    if (this.#phase === "remove" || this.#phase === "recover") return;
    if (this.#earlyEnd !== undefined) throw new Cut("aborted", this.#earlyEnd);
    if (this.#load?.saturation !== undefined)
      throw new Cut("void", `The load generator was the bottleneck: ${this.#load.saturation}`);
    if (this.#loadEnded)
      throw new Cut("aborted", `The load ended before the experiment did, in the phase ${this.#phase}.`);
  }

  #cut(error: unknown): void {
    if (error instanceof Cut) this.#judge(error.verdict, error.message);
    else this.#judge("aborted", describeError(error));
  }

  /** The gravest verdict stands; every reason is kept. */
  #judge(verdict: Exclude<Verdict, "passed">, reason: string): void {
    const gravity: readonly Verdict[] = ["passed", "failed", "aborted", "void"];
    if (gravity.indexOf(verdict) > gravity.indexOf(this.#verdict)) this.#verdict = verdict;
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
  }
}

const CHECK_MS = 200;
const TOO_MANY = `Only the first ${MOST_PROBE_ENTRIES} looks at probes were kept.`;

const sentence = ({ name, detail }: ProbeEntry): string => `${name}: ${detail}`;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}

/** mulberry32 (Tommy Ettinger, public domain): which of several processes are chosen can be replayed from the journal's seed. */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
