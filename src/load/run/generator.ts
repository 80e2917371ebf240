import { freemem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { Interrupted, ScriptError } from "#script/user.ts";
import type { Execution, ScenarioHost, ScenarioUser } from "../executor/executor.ts";
import { type Share, shareOf } from "../executor/segment.ts";
import { startScenario } from "../executor/start-scenario.ts";
import { startTimeline, type Timeline } from "../executor/timeline.ts";
import { userNeeds } from "../executor/user-schedule.ts";
import type { LoadUser, LoadUserState, RunUnderWay, ScenarioUnderWay } from "../load-user.ts";
import type { Options, Scenario } from "../options.ts";
import type { Metric, Metrics, Samples } from "../samples.ts";
import { createBreath } from "./breath.ts";
import { LOAD_EXIT, LoadFailure } from "./exit-code.ts";
import type { LoadScript } from "./load-script.ts";
import { measureHeap, refuseWeight, WEIGHED_USERS } from "./user-weight.ts";

/** What a generator tells while it runs. */
export interface GeneratorEvents {
  log(
    level: "debug" | "info" | "warn" | "error",
    text: string,
    source: "console" | "run",
    user: number | undefined,
  ): void;
  /** The script asks for the end of the run. */
  abort(reason: string): void;
  fail(reason: string): void;
}

/** How a scenario stands in one generator. */
export interface ScenarioStand {
  readonly name: string;
  readonly state: "waiting" | "running" | "ended";
  /** 0 to 1. */
  readonly progress: number;
  readonly completed: number;
  readonly interrupted: number;
  readonly dropped: number;
  readonly activeUsers: number;
}

export interface GeneratorStand {
  readonly elapsedMs: number;
  readonly users: number;
  readonly activeUsers: number;
  readonly scenarios: readonly ScenarioStand[];
}

/** The samples of this generator: metrics, tag sets, and where values go. */
export interface GeneratorSamples {
  readonly metrics: Metrics;
  readonly samples: Samples;
}

export interface GeneratorPlan {
  readonly options: Options;
  /** Of all that this process and others do together. */
  readonly segment: string | undefined;
  readonly sequence: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

interface ScenarioState {
  readonly name: string;
  readonly scenario: Scenario;
  state: "waiting" | "running" | "ended";
  execution: Execution | undefined;
  /** Where it stood when it ended. */
  endProgress: number;
  startUnixMs: number;
  started: number;
  completed: number;
  interrupted: number;
  dropped: number;
  activeUsers: number;
}

/** A user with what the generator keeps of it. */
interface Seat {
  readonly user: LoadUser;
  readonly state: LoadUserState;
  readonly perScenario: Map<string, number>;
  data: { readonly value: unknown } | undefined;
  isIterating: boolean;
}

/** Node's own name for the entry of an iteration that was not given one. */
const DEFAULT_FUNCTION = "default";

/**
 * Runs a part of a test in this thread: makes users, follows executors, records what iterations took. It knows neither where
 * its script comes from nor where its samples go.
 */
export class Generator {
  readonly #script: LoadScript;
  readonly #events: GeneratorEvents;
  readonly #options: Options;
  readonly #samples: GeneratorSamples;
  readonly #share: Share;
  readonly #environment: Record<string, string>;
  readonly #metrics: {
    readonly iterations: Metric;
    readonly duration: Metric;
    readonly dropped: Metric;
    readonly startDelay: Metric;
    readonly sinceIntended: Metric;
  };
  readonly #breathe = createBreath();
  readonly #stop = new AbortController();
  readonly #seats: Seat[] = [];
  readonly #free: Seat[] = [];
  readonly #scenarios: ScenarioState[];
  readonly #run: RunUnderWay;
  #baseTags = 0;
  #phase = "";
  #timeline: Timeline | undefined;
  #setupData: string | undefined;
  #madeUsers = 0;
  #activeUsers = 0;
  #completed = 0;
  #interrupted = 0;

  constructor(script: LoadScript, samples: GeneratorSamples, plan: GeneratorPlan, events: GeneratorEvents) {
    this.#script = script;
    this.#events = events;
    this.#options = plan.options;
    this.#samples = samples;
    this.#share = shareOf(plan.segment, plan.sequence);
    this.#environment = { ...plan.environment };
    const { metrics } = samples;
    this.#metrics = {
      iterations: metrics.define("iterations", "counter", "default"),
      duration: metrics.define("iteration_duration", "trend", "time"),
      dropped: metrics.define("dropped_iterations", "counter", "default"),
      startDelay: metrics.define("iteration_start_delay", "trend", "time"),
      sinceIntended: metrics.define("iteration_duration_from_schedule", "trend", "time"),
    };
    for (const [key, value] of Object.entries(plan.options.tags))
      this.#baseTags = metrics.tags.with(this.#baseTags, key, value);
    this.#scenarios = Object.entries(plan.options.scenarios).map(([name, scenario]) => ({
      name,
      scenario,
      state: "waiting",
      execution: undefined,
      endProgress: 0,
      startUnixMs: 0,
      started: 0,
      completed: 0,
      interrupted: 0,
      dropped: 0,
      activeUsers: 0,
    }));
    const generator = this;
    this.#run = {
      durationMs: () => this.#timeline?.nowMs() ?? 0,
      get iterationsCompleted() {
        return generator.#completed;
      },
      get iterationsInterrupted() {
        return generator.#interrupted;
      },
      get usersActive() {
        return generator.#activeUsers;
      },
      get usersInitialized() {
        return generator.#seats.length;
      },
      abort: (reason) => {
        events.abort(reason);
        this.abort(`test aborted: ${reason}`);
      },
      fail: (reason) => events.fail(reason),
      log: (level, text, user) => events.log(level, text, "console", user?.id),
    };
  }

  /** A user that runs init code, setup, teardown or handleSummary: `__VU` is 0, and it belongs to no scenario. */
  async #createSpecial(group: string): Promise<LoadUser> {
    const state = this.#createState(0, 0);
    if (group !== "") state.tags = this.#tag(state.tags, "group", group);
    state.group = group;
    return await this.#script.createUser(0, state);
  }

  #createState(idInInstance: number, idInTest: number): LoadUserState {
    return {
      metrics: this.#samples.metrics,
      samples: this.#samples.samples,
      options: this.#options,
      idInInstance,
      idInTest,
      iterationInInstance: 0,
      iterationInScenario: 0,
      scenario: undefined,
      tags: this.#baseTags,
      group: "",
      metadata: new Map(),
      slots: new Map(),
      environment: this.#environment,
      run: this.#run,
    };
  }

  /** Adds a tag unless it is a system tag that the options leave out. */
  #tag(tags: number, key: string, value: string): number {
    return this.#options.systemTags.has(key) ? this.#samples.metrics.tags.with(tags, key, value) : tags;
  }

  /**
   * Makes the users that are sure to be needed. Refuses (LoadFailure, 104) a plan that will not fit into memory once the
   * first users have been weighed.
   */
  async prepare(): Promise<{ readonly users: number; readonly maxUsers: number; readonly perUserBytes: number }> {
    for (const { name, scenario } of this.#scenarios) {
      const probe = this.#seats[0]?.user ?? (await this.#createSpecial(""));
      if (typeof probe.exports[scenario.exec] !== "function")
        throw new LoadFailure(
          LOAD_EXIT.invalidConfig,
          scenario.exec === DEFAULT_FUNCTION
            ? `the script has no default export that is a function, which scenario ${name} runs`
            : `scenario ${name} wants to run \`${scenario.exec}\`, but the script exports no such function`,
        );
    }
    const needs = userNeeds(this.#options.scenarios, this.#share);
    const before = measureHeap();
    let perUserBytes = 0;
    for (let made = 0; made < needs.planned && !this.#stop.signal.aborted; made += 1) {
      if (made === WEIGHED_USERS) {
        const heapUsedBytes = measureHeap();
        perUserBytes = Math.max(0, (heapUsedBytes - before) / WEIGHED_USERS);
        const refusal = refuseWeight(
          {
            perUserBytes,
            plannedUsers: needs.max,
            heapLimitBytes: getHeapStatistics().heap_size_limit,
            heapUsedBytes,
            freeMemoryBytes: freemem(),
          },
          this.#script.files,
        );
        if (refusal !== undefined) throw new LoadFailure(LOAD_EXIT.invalidConfig, refusal);
      }
      this.#free.push(await this.#createSeat());
      const breath = this.#breathe();
      if (breath !== undefined) await breath;
    }
    return { users: this.#seats.length, maxUsers: needs.max, perUserBytes };
  }

  async #createSeat(): Promise<Seat> {
    const index = this.#madeUsers;
    this.#madeUsers += 1;
    const idInTest = this.#share.placeOf(index) + 1;
    const state = this.#createState(index + 1, idInTest);
    state.tags = this.#tag(state.tags, "vu", String(idInTest));
    const user = await this.#script.createUser(idInTest, state);
    const seat: Seat = { user, state, perScenario: new Map(), data: undefined, isIterating: false };
    this.#seats.push(seat);
    return seat;
  }

  /** Runs `setup()`; answers its data as JSON, or undefined when there is none. Throws LoadFailure 100 or 107. */
  async setup(): Promise<string | undefined> {
    const { setupTimeoutMs } = this.#options;
    const data = await this.#callSpecial("setup", [], setupTimeoutMs, LOAD_EXIT.setupTimeout);
    return data === undefined ? undefined : JSON.stringify(data);
  }

  /** Throws LoadFailure 101 or 107. */
  async teardown(data: string | undefined): Promise<void> {
    const { teardownTimeoutMs } = this.#options;
    const args = [data === undefined ? undefined : (JSON.parse(data) as unknown)];
    await this.#callSpecial("teardown", args, teardownTimeoutMs, LOAD_EXIT.teardownTimeout);
  }

  /** What `handleSummary` wants written, by file name; undefined when the script has none. Throws LoadFailure 102 or 107. */
  async handleSummary(data: unknown): Promise<Readonly<Record<string, string | Uint8Array>> | undefined> {
    const result = await this.#callSpecial(
      "handleSummary",
      [data],
      this.#options.handleSummaryTimeoutMs,
      LOAD_EXIT.timeout,
    );
    if (result === undefined) return undefined;
    if (typeof result !== "object" || result === null)
      throw new LoadFailure(LOAD_EXIT.scriptException, "handleSummary() must return an object of file names and texts");
    return Object.fromEntries(
      Object.entries(result).flatMap(([name, content]: [string, unknown]): [string, string | Uint8Array][] => {
        if (typeof content === "string") return [[name, content]];
        if (content instanceof ArrayBuffer) return [[name, new Uint8Array(content)]];
        if (ArrayBuffer.isView(content))
          return [[name, new Uint8Array(content.buffer, content.byteOffset, content.byteLength)]];
        this.#events.log("warn", `handleSummary() returned no text for ${name}; it is left out`, "run", undefined);
        return [];
      }),
    );
  }

  async #callSpecial(
    name: "setup" | "teardown" | "handleSummary",
    args: readonly unknown[],
    timeoutMs: number,
    timeoutCode: 100 | 101 | 102,
  ): Promise<unknown> {
    const user = await this.#createSpecial(name === "handleSummary" ? "" : `::${name}`);
    if (typeof user.exports[name] !== "function") return undefined;
    let isTimeout = false;
    const timer = setTimeout(() => {
      isTimeout = true;
      user.interrupt(`${name}() took longer than its timeout`);
    }, timeoutMs);
    const interrupt = (): void => user.interrupt("the run is aborted");
    if (name === "setup") this.#stop.signal.addEventListener("abort", interrupt, { once: true });
    try {
      return await user.call(name, args);
    } catch (error) {
      if (isTimeout)
        throw new LoadFailure(
          timeoutCode,
          `${name}() execution timed out after ${timeoutMs / 1000} seconds; raise ${name}Timeout`,
        );
      if (error instanceof Interrupted) return undefined;
      throw new LoadFailure(LOAD_EXIT.scriptException, `${name}(): ${describe(error)}`);
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener("abort", interrupt);
    }
  }

  /** Runs all scenarios to their end. */
  async start(setupData: string | undefined): Promise<void> {
    this.#setupData = setupData;
    const timeline = startTimeline();
    this.#timeline = timeline;
    if (this.#stop.signal.aborted) return;
    await Promise.all(
      this.#scenarios.map(async (state) => {
        if (state.scenario.startTimeMs > 0) await this.#waitFor(timeline, state.scenario.startTimeMs);
        if (this.#stop.signal.aborted) return;
        state.state = "running";
        state.startUnixMs = timeline.unixMs();
        state.execution = startScenario(state.scenario, this.#hostOf(state, timeline));
        await state.execution.ended;
        state.endProgress = this.#stop.signal.aborted ? state.execution.progress() : 1;
        state.state = "ended";
      }),
    );
  }

  async #waitFor(timeline: Timeline, atMs: number): Promise<void> {
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal.removeEventListener("abort", end);
        cancel();
        resolve();
      };
      const cancel = timeline.at(atMs, end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #hostOf(state: ScenarioState, timeline: Timeline): ScenarioHost {
    const seats = new Map<ScenarioUser, Seat>();
    const enter = (seat: Seat): ScenarioUser => {
      const user: ScenarioUser = {
        iterate: (intendedMs) => this.#iterate(seat, state, timeline, intendedMs),
        interrupt: (reason) => {
          if (seat.isIterating) seat.user.interrupt(reason);
        },
      };
      seats.set(user, seat);
      // As k6 counts: at work for a scenario, also between two iterations.
      state.activeUsers += 1;
      this.#activeUsers += 1;
      this.#enterScenario(seat, state);
      return user;
    };
    return {
      timeline,
      share: this.#share,
      signal: this.#stop.signal,
      take: () => {
        const seat = this.#free.shift();
        if (seat === undefined) throw new Error(`Scenario ${state.name} needs more users than were planned.`);
        return enter(seat);
      },
      make: async () => enter(await this.#createSeat()),
      give: (user) => {
        const seat = seats.get(user)!;
        seats.delete(user);
        this.#script.releaseUser(seat.user);
        seat.state.scenario = undefined;
        state.activeUsers -= 1;
        this.#activeUsers -= 1;
        this.#free.push(seat);
      },
      drop: (count) => {
        state.dropped += count;
        this.#samples.samples.add(this.#metrics.dropped.id, this.#scenarioTags(state), count, timeline.unixMs());
      },
      warn: (text) => this.#events.log("warn", `${state.name}: ${text}`, "run", undefined),
      breathe: this.#breathe,
    };
  }

  #scenarioTags({ name, scenario }: ScenarioState, from = this.#baseTags): number {
    let tags = this.#tag(from, "scenario", name);
    for (const [key, value] of Object.entries(scenario.tags)) tags = this.#samples.metrics.tags.with(tags, key, value);
    return tags;
  }

  #enterScenario(seat: Seat, state: ScenarioState): void {
    const under: ScenarioUnderWay = {
      name: state.name,
      executor: state.scenario.executor,
      startUnixMs: state.startUnixMs,
      progress: () => state.execution?.progress() ?? 0,
      iterationInInstance: 0,
      iterationInTest: 0,
    };
    seat.state.scenario = under;
    seat.state.environment =
      Object.keys(state.scenario.env).length === 0
        ? this.#environment
        : { ...this.#environment, ...state.scenario.env };
    seat.state.iterationInScenario = seat.perScenario.get(state.name) ?? 0;
    seat.state.tags = this.#tag(this.#scenarioTags(state), "vu", String(seat.state.idInTest));
    seat.state.group = "";
    seat.state.metadata.clear();
  }

  async #iterate(seat: Seat, state: ScenarioState, timeline: Timeline, intendedMs: number | undefined): Promise<void> {
    const host = seat.state;
    const under = host.scenario!;
    under.iterationInInstance = state.started;
    under.iterationInTest = this.#share.placeOf(state.started);
    state.started += 1;
    if (this.#options.systemTags.has("iter"))
      host.tags = this.#tag(host.tags, "iter", String(host.iterationInScenario));
    seat.data ??= { value: this.#setupData === undefined ? undefined : (JSON.parse(this.#setupData) as unknown) };
    seat.isIterating = true;
    this.#script.startIteration(seat.user);
    const startMs = timeline.nowMs();
    let isFull = true;
    try {
      await seat.user.call(state.scenario.exec, [seat.data.value]);
    } catch (error) {
      if (error instanceof Interrupted) isFull = false;
      else this.#events.log("error", describe(error), "run", seat.user.id);
    }
    const endMs = timeline.nowMs();
    const unixMs = timeline.unixMs();
    if (host.group !== "") {
      host.group = "";
      host.tags = this.#samples.metrics.tags.with(host.tags, "group", "");
    }
    const { samples } = this.#samples;
    if (intendedMs !== undefined) samples.add(this.#metrics.startDelay.id, host.tags, startMs - intendedMs, unixMs);
    if (isFull) {
      samples.add(this.#metrics.duration.id, host.tags, endMs - startMs, unixMs);
      samples.add(this.#metrics.iterations.id, host.tags, 1, unixMs);
      if (intendedMs !== undefined) samples.add(this.#metrics.sinceIntended.id, host.tags, endMs - intendedMs, unixMs);
      state.completed += 1;
      this.#completed += 1;
    } else {
      state.interrupted += 1;
      this.#interrupted += 1;
    }
    host.iterationInInstance += 1;
    host.iterationInScenario += 1;
    seat.perScenario.set(state.name, host.iterationInScenario);
    const shortMs = this.#options.minIterationDurationMs - (endMs - startMs);
    if (isFull && shortMs > 0) await this.#waitFor(timeline, timeline.nowMs() + shortMs);
    seat.isIterating = false;
  }

  /** Ends the scenarios now: what runs is interrupted, nothing more starts. `start` then ends by itself. */
  abort(reason: string): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    for (const seat of this.#seats) if (seat.isIterating) seat.user.interrupt(reason);
  }

  /** From now on every sample carries `phase`; an empty name takes the tag away. */
  setPhase(name: string): void {
    if (name === this.#phase) return;
    this.#phase = name;
    const { tags } = this.#samples.metrics;
    this.#baseTags = tags.with(this.#baseTags, "phase", name);
    for (const { state } of this.#seats) state.tags = tags.with(state.tags, "phase", name);
  }

  stand(): GeneratorStand {
    return {
      elapsedMs: this.#timeline?.nowMs() ?? 0,
      users: this.#seats.length,
      activeUsers: this.#activeUsers,
      scenarios: this.#scenarios.map(
        ({ name, state, execution, endProgress, completed, interrupted, dropped, activeUsers }) => ({
          name,
          state,
          progress: state === "ended" ? endProgress : (execution?.progress() ?? 0),
          completed,
          interrupted,
          dropped,
          activeUsers,
        }),
      ),
    };
  }
}

/** What a script threw, with its own places; anything else with its message. */
export function describe(error: unknown): string {
  if (error instanceof ScriptError) return error.trace;
  return error instanceof Error ? error.message : String(error);
}
