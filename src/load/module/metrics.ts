import { currentUser } from "#script/blocking.ts";
import type { LoadUserState } from "../load-user.ts";
import type { MetricType, Metric as RunMetric } from "../samples.ts";
import type { ScriptModule } from "../script-module.ts";
import { withGivenTags } from "./tag-argument.ts";

/** What the constructors of `k6/metrics` have in common. */
class Metric {
  readonly name: string;
  readonly #metric: RunMetric;

  constructor(type: MetricType, name: unknown, isTime: unknown) {
    const user = currentUser<LoadUserState>();
    if (!user.isInit) throw new Error("metrics must be declared in the init context");
    this.name = String(name);
    this.#metric = user.host.metrics.define(this.name, type, isTime === true ? "time" : "default");
  }

  /** Whether the value was taken. */
  add(value: unknown, tags?: unknown): boolean {
    const user = currentUser<LoadUserState>();
    if (user.isInit) throw new Error("metrics cannot be added to in the init context");
    const state = user.host;
    const number = typeof value === "boolean" ? (value ? 1 : 0) : Number(value);
    if (Number.isNaN(number) || value === null || value === undefined) {
      const message = `'${typeof value === "string" ? value : String(value)}' is an invalid value for metric '${this.name}', a number or a boolean value is expected`;
      if (state.options.throw) throw new TypeError(message);
      state.run.log("warn", message, user);
      return false;
    }
    if (this.#metric.type === "counter" && number < 0) {
      const message = `a counter cannot go down: ${number} for metric '${this.name}'`;
      if (state.options.throw) throw new RangeError(message);
      state.run.log("warn", message, user);
      return false;
    }
    state.samples.add(
      this.#metric.id,
      withGivenTags(state, state.tags, tags),
      this.#metric.type === "rate" ? (number === 0 ? 0 : 1) : number,
      performance.timeOrigin + performance.now(),
    );
    return true;
  }
}

class Counter extends Metric {
  constructor(name: unknown, isTime?: unknown) {
    super("counter", name, isTime);
  }
}

class Gauge extends Metric {
  constructor(name: unknown, isTime?: unknown) {
    super("gauge", name, isTime);
  }
}

class Rate extends Metric {
  constructor(name: unknown, isTime?: unknown) {
    super("rate", name, isTime);
  }
}

class Trend extends Metric {
  constructor(name: unknown, isTime?: unknown) {
    super("trend", name, isTime);
  }
}

export const metricsModule: ScriptModule = { specifier: "k6/metrics", exports: { Counter, Gauge, Rate, Trend } };
