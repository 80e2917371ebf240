import { workerThreads } from "#runtime/threads.ts";
import { agentGenerator } from "./agent/agent-generators.ts";
import { isArchive, readArchive, writeArchive } from "./archive/archive.ts";
import { convertHar, type HarOptions } from "./convert/har.ts";
import type { LoadConfig, LoadObserver, RunResult } from "./load-run.ts";
import { printOptions } from "./option/print-options.ts";
import { LoadFailure } from "./run/exit-code.ts";
import { threadGenerators } from "./run/generator-handle.ts";
import { ledgerWith } from "./run/open-ledger.ts";
import { inspectScript, type RunParts, runLoadTest as run } from "./run/run-load-test.ts";

/** Threads of this machine have numbers below it. */
const FIRST_AGENT = 1000;

const parts = (config: LoadConfig): RunParts => ({
  startGenerator: threadGenerators(workerThreads, new URL("./run/generator-thread.ts", import.meta.url)),
  agents: (config.agents ?? []).map((address, index) => ({
    name: `${address.host}:${address.port}`,
    start: agentGenerator(address, FIRST_AGENT + index),
  })),
  openLedger: ledgerWith({
    outputs: config.outputs ?? [],
    environment: config.outputEnvironment ?? {},
    name: config.name,
    version: config.version ?? "",
    write: (chunk) => void process.stdout.write(chunk),
  }),
});

/**
 * Runs a k6 script to its end. Never rejects for what the script, its options or its targets do: that is in the result, with
 * k6's exit code. For the command, the gate, experiments with faults, and the server.
 */
export async function runLoadTest(config: LoadConfig, observer: LoadObserver = {}): Promise<RunResult> {
  return await run(parts(config), config, observer);
}

/** The options that a script would run with, as JSON, and the names of its functions. Throws what loadFailureOf knows. */
export async function inspectLoadTest(
  config: LoadConfig,
  observer: LoadObserver = {},
): Promise<{ readonly options: unknown; readonly exports: readonly string[] }> {
  const { options, exports } = await inspectScript(parts(config), config, observer);
  return { options: printOptions(options), exports };
}

/** A tar file with the script and all that it reads, in k6's layout. Throws what loadFailureOf knows. */
export async function archiveLoadTest(
  config: LoadConfig,
  environment: Readonly<Record<string, string>>,
  observer: LoadObserver = {},
): Promise<Uint8Array> {
  const { options, files } = await inspectScript(parts(config), config, observer);
  return writeArchive(config.source.entry, files, options, environment, Date.now());
}

/** What an archive says of its run; undefined when the bytes are no archive. Throws when it is a damaged one. */
export function readLoadArchive(
  bytes: Uint8Array,
):
  | (Pick<LoadConfig, "source" | "archivedOptions"> & { readonly environment: Readonly<Record<string, string>> })
  | undefined {
  if (!isArchive(bytes)) return undefined;
  const { source, options, environment } = readArchive(bytes);
  return { source, archivedOptions: options, environment };
}

/** A browser's recording as a script. Throws when it is none. */
export const scriptOfHar = (text: string, options: Partial<HarOptions>): string => convertHar(text, options);

/** k6's exit code of a failure to read a script; undefined for other errors. */
export const loadFailureOf = (error: unknown): number | undefined =>
  error instanceof LoadFailure ? error.exitCode : undefined;
