import { describeError } from "#runtime/failure.ts";
import { divide, shareOf } from "../executor/segment.ts";
import { userNeeds } from "../executor/user-schedule.ts";
import type { LoadConfig, LoadObserver, RunControl, RunResult, RunStage } from "../load-run.ts";
import { consolidate } from "../option/consolidate.ts";
import { readOptions } from "../option/option-keys.ts";
import { InvalidOptions, type OptionProblem } from "../option/reader.ts";
import type { Options } from "../options.ts";
import { LOAD_EXIT, type LoadExitCode, LoadFailure } from "./exit-code.ts";
import type { GeneratorStand } from "./generator.ts";
import { type GeneratorHandle, GeneratorLost, type StartGenerator } from "./generator-handle.ts";
import type { GeneratorReport, Loaded, PrepareParameters, Telling } from "./generator-link.ts";
import type { Ledger, OpenLedger, SummaryContext, ThresholdStand } from "./ledger.ts";
import { openFileLimit, refuseOpenFiles } from "./open-files.ts";
import { mergeStands, plannedMs } from "./progress.ts";
import { type LoopSecond, saturationOf } from "./saturation.ts";

/** k6 checks its thresholds as often. */
const JUDGE_MS = 2000;
const TICK_MS = 1000;
/** More of the run's time than this spent really waiting: other users were held up, latencies are wrong. */
const MAX_BLOCKING_SHARE = 0.01;

export interface RunParts {
  /** One for each thread of this machine and each agent. */
  readonly startGenerator: StartGenerator;
  /** Make the load in place of this machine, when there are any. */
  readonly agents?: readonly { readonly name: string; readonly start: StartGenerator }[];
  readonly openLedger: OpenLedger;
}

/**
 * Runs a load test to its end: script → options → users → setup → scenarios → teardown → summary. Never rejects for what a
 * script, its options or its targets do: that is in the result, with k6's exit code.
 */
export async function runLoadTest(parts: RunParts, config: LoadConfig, observer: LoadObserver): Promise<RunResult> {
  const run = new Run(parts, config, observer);
  try {
    return await run.execute();
  } finally {
    await run.close();
  }
}

/** The options of a run, from all that sets them. Throws InvalidOptions. */
function optionsOf(
  { archivedOptions, weaker, stronger, noThresholds }: LoadConfig,
  loaded: Loaded,
): { readonly options: Options; readonly notes: readonly string[] } {
  const problems: OptionProblem[] = [];
  const { values, notes } = readOptions(archivedOptions ?? loaded.options, "options", problems);
  const options = consolidate([...weaker, values, ...stronger], problems);
  return { options: noThresholds === true ? { ...options, thresholds: {} } : options, notes };
}

/** A script that was read and not run. */
export interface Inspected {
  readonly options: Options;
  /** Names of the functions that it exports. */
  readonly exports: readonly string[];
  /** Every file that it read, by absolute path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly notes: readonly string[];
}

/** Runs a script's init code only. Throws InvalidOptions, or LoadFailure with k6's exit code. */
export async function inspectScript(parts: RunParts, config: LoadConfig, observer: LoadObserver): Promise<Inspected> {
  const generator = parts.startGenerator("1", {
    tell: (telling) => {
      if (telling.tell === "log") observer.log?.(telling);
    },
    lost: () => undefined,
  });
  try {
    const { source, scriptEnvironment: environment } = config;
    const loaded = await generator.link.request("load", { source, environment, wantsFiles: true });
    return { ...optionsOf(config, loaded), exports: loaded.exports, files: loaded.files ?? {} };
  } finally {
    await generator.stop();
  }
}

/** Ends that were asked for, the first of them counts. */
interface End {
  readonly exitCode: LoadExitCode;
  readonly reason: string;
}

class Run {
  readonly #parts: RunParts;
  readonly #config: LoadConfig;
  readonly #observer: LoadObserver;
  readonly #generators: GeneratorHandle[] = [];
  readonly #stands = new Map<GeneratorHandle, GeneratorStand>();
  readonly #loops = new Map<GeneratorHandle, LoopSecond[]>();
  readonly #blocking = new Map<GeneratorHandle, GeneratorReport["blocking"]>();
  readonly #voidReasons: string[] = [];
  #stage: RunStage = "loading";
  #options: Options | undefined;
  #ledger: Ledger | undefined;
  #thresholds: readonly ThresholdStand[] = [];
  #end: End | undefined;
  #failed: string | undefined;
  readonly #phases: { name: string; fromUnixMs: number; toUnixMs: number }[] = [];
  #phase = "";
  #setupData: string | undefined;
  #startUnixMs = 0;
  #startMs = 0;
  #durationMs = 0;
  #maxUsers = 0;
  #perUserBytes = 0;
  #lastTickMs = 0;
  #lastRequests = 0;
  #lastIterations = 0;
  #rates = { requests: 0, iterations: 0 };

  constructor(parts: RunParts, config: LoadConfig, observer: LoadObserver) {
    this.#parts = parts;
    this.#config = config;
    this.#observer = observer;
  }

  async execute(): Promise<RunResult> {
    const ledgerOf = (): Ledger | undefined => this.#ledger;
    const control: RunControl = {
      get runId() {
        return ledgerOf()?.runId;
      },
      setPhase: (name) => {
        this.#enterPhase(name);
        for (const generator of this.#generators) generator.link.command({ command: "phase", name });
      },
      abort: (reason) => this.#endRun(LOAD_EXIT.interrupted, reason),
    };
    this.#observer.started?.(control);
    const onSignal = (): void => control.abort("interrupted");
    this.#config.signal?.addEventListener("abort", onSignal, { once: true });
    if (this.#config.signal?.aborted === true) onSignal();
    try {
      const options = await this.#prepare();
      await this.#runScenarios(options);
    } catch (error) {
      this.#failWith(error);
    } finally {
      this.#config.signal?.removeEventListener("abort", onSignal);
    }
    return await this.#finish();
  }

  #enterPhase(name: string): void {
    const now = Date.now();
    const last = this.#phases.at(-1);
    if (last !== undefined && this.#phase !== "") last.toUnixMs = now;
    if (name !== "") this.#phases.push({ name, fromUnixMs: now, toUnixMs: now });
    this.#phase = name;
  }

  /** What went wrong ends the run, unless something ended it before. */
  #failWith(error: unknown): void {
    if (error instanceof InvalidOptions) {
      const text = error.problems.map(({ path, message }) => `  ${path}: ${message}`).join("\n");
      this.#end ??= { exitCode: LOAD_EXIT.invalidConfig, reason: `the options cannot be used:\n${text}` };
    } else if (error instanceof LoadFailure) this.#end ??= { exitCode: error.exitCode, reason: error.message };
    else if (error instanceof GeneratorLost) this.#end ??= { exitCode: LOAD_EXIT.crashed, reason: error.message };
    else throw error;
  }

  #endRun(exitCode: LoadExitCode, reason: string): void {
    this.#end ??= { exitCode, reason };
    for (const generator of this.#generators) generator.link.command({ command: "abort", reason });
  }

  #enter(stage: RunStage): void {
    this.#stage = stage;
    this.#tell();
  }

  #startGenerator(name: string, start = this.#parts.startGenerator): GeneratorHandle {
    const generator: GeneratorHandle = start(name, {
      tell: (telling) => this.#hear(generator, telling),
      lost: (error) => this.#lose(error),
    });
    this.#generators.push(generator);
    return generator;
  }

  #hear(generator: GeneratorHandle, telling: Telling): void {
    switch (telling.tell) {
      case "log":
        this.#observer.log?.(telling);
        return;
      case "abort":
        this.#endRun(LOAD_EXIT.scriptAborted, `test aborted: ${telling.reason}`);
        return;
      case "fail":
        this.#failed ??= telling.reason;
        return;
      case "report": {
        const { frame, stand, loop, blocking } = telling.report;
        this.#stands.set(generator, stand);
        this.#blocking.set(generator, blocking);
        if (loop !== undefined) {
          const seconds = this.#loops.get(generator) ?? [];
          seconds.push(loop);
          this.#loops.set(generator, seconds);
        }
        this.#ledger?.take(frame);
      }
    }
  }

  #lose(error: GeneratorLost): void {
    this.#voidReasons.push(error.message);
    this.#endRun(LOAD_EXIT.crashed, error.message);
  }

  #remark(text: string): void {
    this.#observer.log?.({ level: "warn", text, source: "run", user: undefined });
  }

  /** Everything before the first iteration. */
  async #prepare(): Promise<Options> {
    const { source, scriptEnvironment, generators: count = 1 } = this.#config;
    const first = this.#startGenerator("1");
    const parameters = { source, environment: scriptEnvironment };
    const wantsFiles = (this.#parts.agents ?? []).length > 0;
    const loaded = await first.link.request("load", { ...parameters, wantsFiles });
    const { options, notes } = optionsOf(this.#config, loaded);
    for (const note of notes) this.#remark(note);
    this.#options = options;
    this.#ledger = await this.#parts.openLedger(
      options,
      loaded.metrics,
      { script: source.entry, sha256: loaded.sha256 },
      (text) => this.#remark(text),
    );
    const keepsRaw = this.#ledger.wantsRaw;
    this.#observer.configured?.(options);
    this.#enter("preparing");
    const agents = this.#parts.agents ?? [];
    if (agents.length === 0) {
      const needs = userNeeds(options.scenarios, shareOf(options.executionSegment, options.executionSegmentSequence));
      const refusal = refuseOpenFiles(needs.max, openFileLimit());
      if (refusal !== undefined) throw new LoadFailure(LOAD_EXIT.invalidConfig, refusal);
    }
    const prepare = async (generator: GeneratorHandle, parts: Omit<PrepareParameters, "keepsRaw">): Promise<void> => {
      const prepared = await generator.link.request("prepare", { ...parts, keepsRaw });
      if (this.#phase !== "") generator.link.command({ command: "phase", name: this.#phase });
      this.#maxUsers += prepared.maxUsers;
      this.#perUserBytes = Math.max(this.#perUserBytes, prepared.perUserBytes);
    };
    const size = agents.length > 0 ? agents.length : count;
    const { executionSegment, executionSegmentSequence } = options;
    const divided = divide(executionSegment, executionSegmentSequence, size);
    const partOf = (index: number) =>
      size === 1
        ? { options, segment: executionSegment, sequence: executionSegmentSequence }
        : { options, segment: divided.segments[index]!, sequence: divided.sequence };
    if (agents.length === 0) {
      await Promise.all(
        divided.segments.map(async (_, index) => {
          const generator = index === 0 ? first : this.#startGenerator(String(index + 1));
          if (index > 0) await generator.link.request("load", parameters);
          await prepare(generator, partOf(index));
        }),
      );
      return options;
    }
    // This machine runs no scenario then: it only sets up, tears down and sums up.
    await prepare(first, { options: { ...options, scenarios: {} }, segment: undefined, sequence: undefined });
    const travelling = { ...parameters, source: { entry: source.entry, files: loaded.files ?? {}, isClosed: true } };
    await Promise.all(
      agents.map(async ({ name, start }, index) => {
        const generator = this.#startGenerator(name, start);
        await generator.link.request("load", travelling);
        await prepare(generator, partOf(index));
      }),
    );
    return options;
  }

  async #runScenarios(options: Options): Promise<void> {
    const first = this.#generators[0]!;
    if (options.paused && this.#config.resumed !== undefined && this.#end === undefined) {
      this.#enter("paused");
      await Promise.race([this.#config.resumed(), aborted(this.#config.signal)]);
    }
    if (!options.noSetup && this.#end === undefined) {
      this.#enter("setup");
      this.#setupData = (await first.link.request("setup")).data;
    }
    if (this.#end === undefined) {
      this.#startUnixMs = Date.now();
      this.#startMs = performance.now();
      this.#lastTickMs = this.#startMs;
      this.#enter("running");
      const timers = [setInterval(() => this.#tick(), TICK_MS), setInterval(() => this.#judge(false), JUDGE_MS)];
      try {
        const outcomes = await Promise.allSettled(
          this.#generators.map((generator) => generator.link.request("start", { data: this.#setupData })),
        );
        const failed = outcomes.find((outcome) => outcome.status === "rejected");
        if (failed !== undefined && this.#end === undefined) throw failed.reason;
      } finally {
        this.#durationMs = performance.now() - this.#startMs;
        for (const timer of timers) clearInterval(timer);
        // All users have ended by now; a run without a whole second still had them.
        if (this.#durationMs < TICK_MS) this.#recordUsers(this.#maxUsers);
      }
    }
    // As k6 has it, teardown runs also when the scenarios were ended early, with what setup answered.
    if (!options.noTeardown && !first.isLost && this.#startMs > 0) {
      this.#enter("teardown");
      await first.link.request("teardown", { data: this.#setupData });
    }
  }

  #tick(): void {
    this.#recordUsers();
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    const requests = ledger.counter("http_reqs");
    const iterations = ledger.counter("iterations");
    const now = performance.now();
    const seconds = (now - this.#lastTickMs) / 1000;
    this.#lastTickMs = now;
    this.#rates = {
      requests: (requests - this.#lastRequests) / seconds,
      iterations: (iterations - this.#lastIterations) / seconds,
    };
    this.#lastRequests = requests;
    this.#lastIterations = iterations;
    ledger.flush();
    this.#tell();
  }

  /** `vus` and `vus_max`: of all generators together, which none of them knows. */
  #recordUsers(active?: number): void {
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    const stands = [...this.#stands.values()];
    const sum = (pick: (stand: GeneratorStand) => number): number =>
      stands.reduce((total, stand) => total + pick(stand), 0);
    let tags = 0;
    for (const [key, value] of Object.entries(this.#options!.tags)) tags = ledger.metrics.tags.with(tags, key, value);
    if (this.#phase !== "") tags = ledger.metrics.tags.with(tags, "phase", this.#phase);
    const now = Date.now();
    ledger.samples.add(
      ledger.metrics.define("vus", "gauge", "default").id,
      tags,
      active ?? sum(({ activeUsers }) => activeUsers),
      now,
    );
    ledger.samples.add(
      ledger.metrics.define("vus_max", "gauge", "default").id,
      tags,
      sum(({ users }) => users),
      now,
    );
  }

  #judge(isEnd: boolean): void {
    if (this.#ledger === undefined) return;
    const { thresholds, isAbort } = this.#ledger.judge(
      isEnd ? this.#durationMs : performance.now() - this.#startMs,
      isEnd,
    );
    this.#thresholds = thresholds;
    if (isEnd || !isAbort) return;
    const crossed = thresholds
      .filter(({ verdict }) => verdict === "failed")
      .map(({ metric, source }) => `${metric} ${source}`);
    this.#endRun(
      LOAD_EXIT.thresholds,
      `a threshold was crossed that asks for the end of the run: ${crossed.join(", ")}`,
    );
  }

  #tell(): void {
    const options = this.#options;
    if (options === undefined || this.#observer.progress === undefined) return;
    const stands = [...this.#stands.values()];
    this.#observer.progress({
      stage: this.#stage,
      elapsedMs: this.#stage === "running" ? performance.now() - this.#startMs : this.#durationMs,
      plannedMs: plannedMs(options),
      users: stands.reduce((sum, { users }) => sum + users, 0),
      activeUsers: stands.reduce((sum, { activeUsers }) => sum + activeUsers, 0),
      maxUsers: this.#maxUsers,
      scenarios: mergeStands(options, stands),
      thresholds: this.#thresholds,
      requests: this.#ledger?.counter("http_reqs") ?? 0,
      requestsPerSecond: this.#rates.requests,
      iterationsPerSecond: this.#rates.iterations,
      requestP95Ms: this.#ledger?.quantile("http_req_duration", 0.95),
    });
  }

  #collectVoidReasons(): void {
    for (const [generator, seconds] of this.#loops) {
      const reason = saturationOf(seconds);
      if (reason !== undefined)
        this.#voidReasons.push(this.#generators.length === 1 ? reason : `generator ${generator.name}: ${reason}`);
    }
    for (const { totalMs, places } of this.#blocking.values()) {
      if (totalMs <= this.#durationMs * MAX_BLOCKING_SHARE || this.#durationMs === 0) continue;
      this.#voidReasons.push(
        `${((100 * totalMs) / this.#durationMs).toFixed(1)}% of the time all users stood still because the script makes blocking calls where it cannot be suspended: ${places.slice(0, 5).join(", ")}. Move these calls out of getters, constructors, generators and callbacks of built-in functions.`,
      );
    }
  }

  async #finish(): Promise<RunResult> {
    this.#collectVoidReasons();
    const { summary = { mode: "compact", isTerminal: false, noColor: true } } = this.#config;
    const first = this.#generators[0];
    const outputs: Record<string, string | Uint8Array> = {};
    let summaryData: unknown;
    let summaryExport: string | undefined;
    if (this.#ledger !== undefined && this.#startMs > 0) {
      if (first !== undefined && !first.isLost)
        await first.link.request("drain").catch((error) => this.#failWith(error));
      this.#ledger.flush();
      this.#judge(true);
      this.#enter("summary");

      if (summary.mode !== "disabled") {
        const context: SummaryContext = {
          durationMs: this.#durationMs,
          setupData: this.#setupData,
          isTerminal: summary.isTerminal,
          noColor: summary.noColor,
          mode: summary.mode,
        };
        summaryData = this.#ledger.summaryData(context);
        summaryExport = this.#ledger.exportSummary(context);
        const own = await this.#handleSummary(first, summaryData);
        Object.assign(outputs, own ?? { stdout: this.#ledger.printSummary(context) });
      }
    }
    this.#enterPhase("");
    const { exitCode, failure } = this.#verdict();
    const verdict = this.#verdictOf(exitCode);
    const record = await this.#ledger?.close({
      startedUnixMs: this.#startUnixMs === 0 ? Date.now() : this.#startUnixMs,
      endedUnixMs: Date.now(),
      durationMs: this.#durationMs,
      status: verdict,
      exitCode,
      reason: failure ?? "",
      phases: this.#phases,
      generators: this.#generators.map((generator) => ({
        name: generator.name,
        clockOffsetMs: generator.clockOffsetMs,
        busiest: Math.max(0, ...(this.#loops.get(generator) ?? []).map(({ busy }) => busy)),
        lostUnixMs: generator.lostUnixMs,
      })),
      notes: this.#voidReasons,
    });
    const iterations = { completed: 0, interrupted: 0, dropped: 0 };
    for (const { scenarios } of this.#stands.values())
      for (const scenario of scenarios) {
        iterations.completed += scenario.completed;
        iterations.interrupted += scenario.interrupted;
        iterations.dropped += scenario.dropped;
      }
    this.#enter("ended");
    return {
      exitCode,
      failure,
      verdict,
      voidReasons: this.#voidReasons,
      options: this.#options,
      startUnixMs: this.#startUnixMs,
      durationMs: this.#durationMs,
      thresholds: this.#thresholds,
      iterations,
      maxUsers: this.#maxUsers,
      perUserBytes: this.#perUserBytes,
      outputs,
      summaryData,
      summaryExport,
      record,
    };
  }

  #verdictOf(exitCode: LoadExitCode): RunResult["verdict"] {
    if (this.#voidReasons.length > 0) return "void";
    if (exitCode === LOAD_EXIT.ok) return "passed";
    return exitCode === LOAD_EXIT.interrupted || exitCode === LOAD_EXIT.scriptAborted ? "aborted" : "failed";
  }

  async #handleSummary(
    first: GeneratorHandle | undefined,
    data: unknown,
  ): Promise<Readonly<Record<string, string | Uint8Array>> | undefined> {
    if (first === undefined || first.isLost) return undefined;
    try {
      return (await first.link.request("handleSummary", { data })).files;
    } catch (error) {
      // The run itself is over and counts; its own summary is printed in place of the script's.
      this.#observer.log?.({ level: "error", text: describeError(error), source: "run", user: undefined });
      return undefined;
    }
  }

  #verdict(): { readonly exitCode: LoadExitCode; readonly failure: string | undefined } {
    if (this.#end !== undefined) return { exitCode: this.#end.exitCode, failure: this.#end.reason };
    if (this.#voidReasons.length > 0 && this.#config.acceptVoid !== true)
      return { exitCode: LOAD_EXIT.void, failure: this.#voidReasons.join("\n") };
    const failed = this.#thresholds.filter(({ verdict }) => verdict === "failed");
    if (failed.length > 0)
      return {
        exitCode: LOAD_EXIT.thresholds,
        failure: `thresholds on metrics '${[...new Set(failed.map(({ metric }) => metric))].join(", ")}' have been crossed`,
      };
    if (this.#failed !== undefined) return { exitCode: LOAD_EXIT.testFailed, failure: `test failed: ${this.#failed}` };
    return { exitCode: LOAD_EXIT.ok, failure: undefined };
  }

  async close(): Promise<void> {
    // One that is stuck or gone cannot answer; it is ended all the same.
    await Promise.allSettled(
      this.#generators.filter(({ isLost }) => !isLost).map((generator) => generator.link.request("close")),
    );
    await Promise.all(this.#generators.map((generator) => generator.stop()));
  }
}

async function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await new Promise(() => undefined);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
