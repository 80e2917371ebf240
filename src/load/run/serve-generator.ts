import { describeError } from "#runtime/failure.ts";
import { shareOf } from "../executor/segment.ts";
import type { Options } from "../options.ts";
import { LoadFailure } from "./exit-code.ts";
import { Generator, type GeneratorEvents, type GeneratorSamples } from "./generator.ts";
import type { FromGenerator, LoadParameters, Requests, ToGenerator } from "./generator-link.ts";
import type { LoadScript } from "./load-script.ts";
import { watchLoop } from "./saturation.ts";

const REPORT_MS = 1000;

/** What a generator needs of its surroundings. */
export interface GeneratorParts {
  /** Reads and compiles the script, and runs its init code once: what it exports is in `exports`. */
  openScript(parameters: LoadParameters, samples: GeneratorSamples, events: GeneratorEvents): Promise<OpenedScript>;
  openSamples(): ServedSamples;
}

/** Samples of a generator. */
export interface ServedSamples extends GeneratorSamples {
  /** The run begins: whether its frames carry every sample is known now. */
  start(keepsRaw: boolean): void;
  /** Answers and forgets what was recorded since the last call. */
  drain(): DrainedFrame;
}

/** A frame, and what of it may be handed over instead of copied. */
export interface DrainedFrame {
  readonly frame: unknown;
  readonly transfer: readonly ArrayBuffer[];
}

export interface OpenedScript extends LoadScript {
  /** `options` as exported, reduced to what JSON can say. */
  readonly options: unknown;
  readonly exportNames: readonly string[];
  /** Of the script's files, the entry first, hexadecimal. */
  readonly sha256: string;
  /** What was read so far, by absolute path. */
  readonly read: ReadonlyMap<string, Uint8Array>;
  /** Called with the options before users are made: what modules of the script need of them. */
  configure(options: Options): void;
}

/** The generator's end of a link. Answers what is to be called with each message. */
export function serveGenerator(
  parts: GeneratorParts,
  post: (message: FromGenerator, transfer?: readonly ArrayBuffer[]) => void,
): (message: ToGenerator) => void {
  const samples = parts.openSamples();
  const loop = watchLoop();
  let script: OpenedScript | undefined;
  let generator: Generator | undefined;
  let parameters: LoadParameters | undefined;
  let reporting: NodeJS.Timeout | undefined;

  const events: GeneratorEvents = {
    log: (level, text, source, user) => post({ tell: "log", level, text, source, user }),
    abort: (reason) => post({ tell: "abort", reason }),
    fail: (reason) => post({ tell: "fail", reason }),
  };

  const report = (withLoop: boolean): void => {
    if (generator === undefined) return;
    const { frame, transfer } = samples.drain();
    post(
      {
        tell: "report",
        report: {
          frame,
          stand: generator.stand(),
          loop: withLoop ? loop.second() : undefined,
          blocking: script?.blockingShare() ?? { totalMs: 0, places: [] },
        },
      },
      transfer,
    );
  };
  const ready = (): Generator => {
    if (generator === undefined) throw new Error("The generator was not prepared.");
    return generator;
  };

  const requests: {
    [Method in keyof Requests]: (...given: Parameters<Requests[Method]>) => Promise<ReturnType<Requests[Method]>>;
  } = {
    load: async (given) => {
      parameters = given;
      script = await parts.openScript(given, samples, events);
      return {
        options: script.options,
        exports: script.exportNames,
        metrics: samples.metrics.all(),
        sha256: script.sha256,
        files: given.wantsFiles === true ? Object.fromEntries(script.read) : undefined,
      };
    },
    prepare: async ({ options: asked, segment, sequence, keepsRaw }) => {
      if (script === undefined || parameters === undefined) throw new Error("No script was loaded.");
      samples.start(keepsRaw);
      const options = shareOfRate(asked, segment, sequence);
      script.configure(options);
      generator = new Generator(
        script,
        samples,
        { options, segment, sequence, environment: parameters.environment },
        events,
      );
      const prepared = await generator.prepare();
      report(false);
      return prepared;
    },
    setup: async () => ({ data: await ready().setup() }),
    start: async ({ data }) => {
      const running = ready();
      // The seconds before were spent on making users: they say nothing about measurements.
      loop.second();
      reporting = setInterval(() => report(true), REPORT_MS);
      try {
        const ended = running.start(data);
        report(false);
        await ended;
      } finally {
        clearInterval(reporting);
        report(false);
      }
      return undefined;
    },
    teardown: async ({ data }) => {
      await ready().teardown(data);
      return undefined;
    },
    handleSummary: async ({ data }) => ({ files: await ready().handleSummary(data) }),
    close: async () => {
      script?.close();
      return undefined;
    },
    drain: async () => {
      report(false);
      return undefined;
    },
  };

  return (message) => {
    if ("command" in message) {
      if (message.command === "abort") generator?.abort(message.reason);
      else generator?.setPhase(message.name);
      return;
    }
    const run = requests[message.method] as (given: unknown) => Promise<unknown>;
    run(message.parameters).then(
      (result) => post({ id: message.id, result }),
      (error: unknown) =>
        post({
          id: message.id,
          error: {
            message: describeError(error),
            exitCode: error instanceof LoadFailure ? error.exitCode : undefined,
          },
        }),
    );
  };
}

/** A limit of requests a second holds for all generators together. */
function shareOfRate(options: Options, segment: string | undefined, sequence: string | undefined): Options {
  if (options.rps === undefined) return options;
  const { numerator, denominator } = shareOf(segment, sequence).length;
  return { ...options, rps: (options.rps * numerator) / denominator };
}
