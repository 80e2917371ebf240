import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { LoadUnderway, StartLoad } from "#chaos/load-underway.ts";
import { describeInvalidOptions, LOAD_FLAGS, type OptionSources, readOptionSources } from "#load/load-config.ts";
import type { RunControl, RunProgress } from "#load/load-run.ts";
import { loadFailureOf, runLoadTest } from "#load/load-test.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import { programVersion } from "./version.ts";

/** Iterations that may be dropped before the generator counts as the bottleneck: a share, and a few. */
const MOST_DROPPED_SHARE = 0.05;
const FEW_DROPPED = 20;

/** Runs the k6 script of an experiment in this process; its samples carry the experiment's phase. */
export const startScriptLoad: StartLoad = async (request, signal) => {
  const script = request.script!;
  const sources = readArguments(request.args);
  const stop = new AbortController();
  let phase: string | undefined;
  let control: RunControl | undefined;
  let saturation: string | undefined;
  let begun: () => void = () => undefined;
  const hasBegun = new Promise<undefined>((resolve) => {
    begun = () => resolve(undefined);
  });
  const running = runLoadTest(
    {
      source: { entry: script, files: { [script]: readScript(script) }, isClosed: false },
      scriptEnvironment: { ...definedOf(process.env), ...request.environment },
      weaker: sources.weaker,
      stronger: sources.stronger,
      ...(request.outputs.length === 0
        ? {}
        : { outputs: request.outputs, outputEnvironment: process.env, version: programVersion() }),
      name: request.experiment,
      summary: { mode: "disabled", isTerminal: false, noColor: true },
      signal: AbortSignal.any([signal, stop.signal]),
    },
    {
      started: (given) => {
        control = given;
        if (phase !== undefined) given.setPhase(phase);
      },
      progress: (progress) => {
        if (progress.stage === "running") begun();
        saturation ??= droppedTooMany(progress);
      },
    },
  );
  const result = running.catch((error: unknown) => {
    const problems = describeInvalidOptions(error);
    if (problems === undefined && loadFailureOf(error) === undefined) throw error;
    throw new Failure("config-invalid", `${script}: ${problems ?? describeError(error)}`, { cause: error });
  });
  const early = await Promise.race([hasBegun, result]);
  if (early !== undefined && early.exitCode !== 0)
    throw new Failure("config-invalid", early.failure ?? `${script} ended with ${early.exitCode}`, {
      remedy: "Correct the script; `traceo load` runs it alone.",
    });
  const load: LoadUnderway = {
    setPhase: (name) => {
      phase = name;
      control?.setPhase(name);
    },
    get saturation() {
      return saturation;
    },
    ended: result.then(
      () => undefined,
      () => undefined,
    ),
    stop: async () => {
      stop.abort();
      const { thresholds, voidReasons, failure, exitCode, verdict } = await result;
      const reason = voidReasons[0] ?? saturation;
      // Ended by us, it counts as interrupted: then its thresholds alone are its verdict.
      const isOurs = verdict === "aborted";
      const stands = thresholds.map(({ metric, source, verdict: stand, observed }) => ({
        name: `${metric} ${source}`,
        passed: stand !== "failed",
        ...(observed === undefined ? {} : { value: String(Number(observed.toPrecision(4))) }),
      }));
      const holds = stands.every(({ passed }) => passed);
      if (!isOurs && holds && exitCode !== 0 && reason === undefined)
        throw new Failure("unavailable", `${script}: ${failure ?? `exit code ${exitCode}`}`);
      return {
        passed: holds,
        ...(control?.runId === undefined ? {} : { runId: control.runId }),
        ...(reason === undefined ? {} : { saturation: reason }),
        thresholds: stands,
      };
    },
  };
  return load;
};

function readArguments(args: readonly string[]): OptionSources {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      options: Object.fromEntries(
        Object.entries(LOAD_FLAGS).map(([name, { type, short }]) => [
          name,
          {
            type: type === "boolean" ? ("boolean" as const) : ("string" as const),
            multiple: type === "strings",
            ...(short === undefined ? {} : { short }),
          },
        ]),
      ),
    });
    return readOptionSources(values as Parameters<typeof readOptionSources>[0], process.env, undefined);
  } catch (error) {
    throw new Failure("config-invalid", `load.args: ${describeInvalidOptions(error) ?? describeError(error)}`, {
      cause: error,
      remedy: "Write flags of `traceo load`.",
    });
  }
}

function readScript(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Failure("not-found", `load.script: ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
      remedy: "Correct the path; it is relative to the experiment's file.",
    });
  }
}

function droppedTooMany({ scenarios }: RunProgress): string | undefined {
  const dropped = scenarios.reduce((sum, scenario) => sum + scenario.dropped, 0);
  const all = scenarios.reduce((sum, { completed, interrupted }) => sum + completed + interrupted, dropped);
  if (dropped < FEW_DROPPED || dropped < all * MOST_DROPPED_SHARE) return undefined;
  return `${dropped} of ${all} iterations were dropped, because no user was free; raise maxVUs`;
}

function definedOf(environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
