import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "#runtime/failure.ts";
import type { LoadUnderway, StartLoad } from "./load-underway.ts";

const KEPT_OUTPUT = 4000;
/** From SIGINT, at which load generators finish and judge, to SIGKILL. */
const STOP_MS = 60_000;

/**
 * Another load generator, as a child process. Its exit code is its verdict: 0 passed. The file named in TRACEO_CHAOS_PHASE
 * holds the phase that runs, for generators that can tag their samples with it. It says nothing about saturation.
 */
export const startCommandLoad: StartLoad = async (request, signal) => {
  const [program, ...args] = request.command ?? [];
  if (program === undefined) throw new Failure("config-invalid", "load.command is empty.");
  const directory = await mkdtemp(join(tmpdir(), "traceo-chaos-load-"));
  const phaseFile = join(directory, "phase");
  const child: ChildProcess = spawn(program, [...args, ...request.args], {
    env: { ...process.env, ...request.environment, TRACEO_CHAOS_PHASE: phaseFile },
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C is ours to pass on, after the faults are gone.
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT);
    });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) =>
      reject(
        new Failure("config-invalid", `The load generator \`${program}\` does not start: ${error.message}`, {
          cause: error,
          remedy: "Correct load.command.",
        }),
      ),
    );
  });
  let how: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  let isAsked = false;
  const ended = new Promise<void>((resolve) => {
    child.once("close", (code, signalName) => {
      how = { code, signal: signalName };
      resolve();
    });
  });
  const onStop = (): void => void (how === undefined && child.kill("SIGINT"));
  signal.addEventListener("abort", onStop, { once: true });
  let writing: Promise<void> = Promise.resolve();
  const load: LoadUnderway = {
    setPhase: (phase) => {
      writing = writing.then(() => writeFile(phaseFile, phase));
    },
    saturation: undefined,
    ended,
    stop: async () => {
      isAsked = how === undefined;
      if (isAsked) child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
      signal.removeEventListener("abort", onStop);
      await writing;
      await rm(directory, { recursive: true, force: true });
      // A generator that does not handle SIGINT was ended by us: that is no verdict of its own.
      const isOurs = isAsked && (how?.signal === "SIGINT" || how?.code === 130);
      const passed = how?.code === 0 || isOurs;
      const value = how?.signal ?? `exit code ${how?.code}`;
      return {
        passed,
        thresholds: [
          {
            name: [program, ...args].join(" "),
            passed,
            value: passed ? value : `${value}: ${output.trim().slice(-500)}`,
          },
        ],
      };
    },
  };
  return load;
};
