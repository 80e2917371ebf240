import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { openLoadAgent, readAgentAddress } from "#load/load-agent.ts";
import { describeInvalidOptions, LOAD_FLAGS, readOptionSources, scriptEnvironment } from "#load/load-config.ts";
import type { LoadConfig, LoadObserver, RunResult } from "#load/load-run.ts";
import {
  archiveLoadTest,
  inspectLoadTest,
  loadFailureOf,
  readLoadArchive,
  runLoadTest,
  scriptOfHar,
} from "#load/load-test.ts";
import { describeError } from "#runtime/failure.ts";
import { text, texts } from "./api-client.ts";
import { type Command, EXIT, type Invocation, type OptionSpec } from "./command.ts";
import { openLoadScreen } from "./load-screen.ts";
import { programVersion } from "./version.ts";

/** k6's code for options that cannot be used. */
const INVALID_CONFIG = 104;

const OWN_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  env: { type: "strings", short: "e", value: "NAME=VALUE", help: "A variable of the script's __ENV; repeatable." },
  "include-system-env-vars": {
    type: "string",
    value: "true|false",
    help: "Whether __ENV has this process's variables (true; with agents false).",
  },
  config: { type: "string", short: "c", value: "FILE", help: "JSON with options, weaker than the script's." },
  out: { type: "strings", short: "o", value: "NAME=ARG", help: "Send every sample there as well; repeatable." },
  name: { type: "string", value: "NAME", help: "What the run is called; runs of one name are compared." },
  "summary-export": { type: "string", value: "FILE", help: "Write the summary's figures as JSON." },
  "summary-mode": { type: "string", value: "MODE", help: "compact (the default), full or disabled." },
  "no-summary": { type: "boolean", help: "Print no summary." },
  "no-thresholds": { type: "boolean", help: "Do not check thresholds." },
  "no-color": { type: "boolean", help: "No colours." },
  "no-usage-report": { type: "boolean", help: "Accepted for k6's sake: nothing is ever reported." },
  "console-output": { type: "string", value: "FILE", help: "Write what the script logs to this file." },
  quiet: { type: "boolean", short: "q", help: "No progress." },
  verbose: { type: "boolean", short: "v", help: "Also console.debug." },
  agent: {
    type: "strings",
    value: "HOST:PORT",
    help: "Let this agent make load in place of this machine; repeatable. Token: TRACEO_AGENT_TOKEN.",
  },
  listen: { type: "string", value: "HOST:PORT", help: "agent: where to listen (127.0.0.1:7075)." },
  generators: { type: "string", value: "N", help: "Threads that make load (1)." },
  "accept-void": { type: "boolean", help: "A void run ends with the exit code that it would have had." },
  output: { type: "string", short: "O", value: "FILE", help: "Where archive and convert write." },
  only: { type: "strings", value: "HOST", help: "convert: keep requests to this host only; repeatable." },
  skip: { type: "strings", value: "HOST", help: "convert: leave out requests to this host; repeatable." },
  static: { type: "boolean", help: "convert: keep images, styles, fonts and scripts." },
  json: { type: "boolean", help: "The result as one JSON object instead of the summary." },
};

export const load: Command = {
  name: "load",
  summary: "Run a k6 script as a load test.",
  usage: "[run|inspect|archive|convert|agent] [options] SCRIPT",
  description: [
    "Runs an ordinary k6 script (JavaScript or TypeScript; `-` reads it from standard input), prints k6's summary,",
    "and ends with k6's exit code. Options are read from flags, then K6_ variables, then the script, then --config.",
    "",
    "  run          the default; SCRIPT may be an archive",
    "  inspect      print the options that the script would run with, as JSON",
    "  archive      write the script and all that it reads to one file (-O FILE, archive.tar)",
    "  convert HAR  make a script of a browser's recording (-O FILE, standard output)",
    "  agent        lend this machine to runs of other machines (TRACEO_AGENT_TOKEN, --listen)",
    "",
    "A run is void (exit code 111) when what it measured does not count: the generator itself was too busy, too much",
    "of the script could not be suspended, or a generator was lost. The reasons are printed.",
  ].join("\n"),
  options: { ...LOAD_FLAGS, ...OWN_OPTIONS },
  examples: [
    "traceo load script.js",
    "traceo load -u 10 -d 30s script.js",
    "traceo load -s 1m:100 -s 5m:100 -s 1m:0 -e HOST=https://shop.test script.ts",
    "traceo load --execution-segment 0:1/2 --execution-segment-sequence 0,1/2,1 script.js",
    "cat script.js | traceo load -",
  ],
  exitCodes:
    "0 done, 99 thresholds crossed, 100 setup or 101 teardown took too long, 104 options cannot be used, 105 interrupted, 107 the script threw, 108 the script aborted, 110 the script failed the test, 111 void.",
  rewrite: (args) => args.map((arg) => (arg === "--http-debug" ? "--http-debug=headers" : arg)),
  run: async (given) => {
    const invocation = withEnvironment(given);
    if (invocation.positionals[0] === "agent") return await runAgent(invocation);
    const [first = "", ...others] = invocation.positionals;
    const action = ACTIONS.find((name) => name === first);
    const [script, ...rest] = action === undefined ? invocation.positionals : others;
    if (script === undefined || rest.length > 0) {
      invocation.err("traceo load: name one script. Run `traceo load --help`.\n");
      return EXIT.usage;
    }
    try {
      if (action === "convert") return convert(script, invocation);
      const config = await readConfig(script, invocation);
      if (config === undefined) return INVALID_CONFIG;
      if (action === "inspect") {
        const { options, exports } = await inspectLoadTest(config, remarks(invocation));
        invocation.out(`${JSON.stringify({ ...(options as object), exports }, null, 2)}\n`);
        return EXIT.ok;
      }
      if (action === "archive") return await archive(config, invocation);
      return await runScript(script, config, invocation);
    } catch (error) {
      const problems = describeInvalidOptions(error);
      if (problems !== undefined) {
        invocation.err(`traceo load: the options cannot be used:\n${problems}\n`);
        return INVALID_CONFIG;
      }
      const exitCode = loadFailureOf(error);
      if (exitCode === undefined) throw error;
      invocation.err(`traceo load: ${script}: ${describeError(error)}\n`);
      return exitCode;
    }
  },
};

/** Flags that k6 also reads from the environment; those of the script's options have names of their own. */
const ENVIRONMENT_FLAGS: Readonly<Record<string, string>> = {
  K6_CONFIG: "config",
  K6_CONSOLE_OUTPUT: "console-output",
  K6_INCLUDE_SYSTEM_ENV_VARS: "include-system-env-vars",
  K6_NO_COLOR: "no-color",
  K6_NO_SUMMARY: "no-summary",
  K6_NO_THRESHOLDS: "no-thresholds",
  K6_SUMMARY_EXPORT: "summary-export",
  K6_SUMMARY_MODE: "summary-mode",
};

/** The same with flags that were not given taken from the environment. */
function withEnvironment(invocation: Invocation): Invocation {
  const options: Record<string, Invocation["options"][string]> = { ...invocation.options };
  for (const [variable, flag] of Object.entries(ENVIRONMENT_FLAGS)) {
    const value = invocation.environment[variable];
    if (value === undefined || value === "" || options[flag] !== undefined) continue;
    options[flag] = OWN_OPTIONS[flag]!.type === "boolean" ? /^(true|1|t)$/i.test(value) : value;
  }
  return { ...invocation, options };
}

const ACTIONS = ["run", "inspect", "archive", "convert"] as const;

const remarks = ({ err }: Invocation): LoadObserver => ({ log: ({ level, text: line }) => err(`${level}: ${line}\n`) });

const MIN_TOKEN_LENGTH = 16;

/** Undefined after it has said what is wrong. */
function agentToken({ environment, err }: Invocation): string | undefined {
  const token = environment["TRACEO_AGENT_TOKEN"] ?? "";
  if (token.length >= MIN_TOKEN_LENGTH) return token;
  err(
    `traceo load: set TRACEO_AGENT_TOKEN to a secret of ${MIN_TOKEN_LENGTH} characters or more, the same on both machines: who has it may run code on the agent.\n`,
  );
  return undefined;
}

async function runAgent(invocation: Invocation): Promise<number> {
  const token = agentToken(invocation);
  const address = readAgentAddress(text(invocation, "listen") ?? "127.0.0.1:7075");
  if (token === undefined) return EXIT.usage;
  if (address === undefined) {
    invocation.err("traceo load agent: --listen takes HOST:PORT.\n");
    return EXIT.usage;
  }
  await using agent = await openLoadAgent({
    ...address,
    token,
    maxGenerators: availableParallelism(),
    log: (line) => invocation.err(`${new Date().toISOString()} ${line}\n`),
  });
  invocation.out(
    `Load agent on ${address.host}:${agent.port}. Use it with \`traceo load --agent ${address.host}:${agent.port}\`.\n`,
  );
  await new Promise<void>((resolve) => {
    if (invocation.signal.aborted) resolve();
    else invocation.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return EXIT.ok;
}

async function archive(config: LoadConfig, invocation: Invocation): Promise<number> {
  const { values } = scriptEnvironment(invocation.environment, texts(invocation, "env"), false);
  const path = text(invocation, "output") ?? "archive.tar";
  writeFileSync(path, await archiveLoadTest(config, values, remarks(invocation)));
  invocation.out(`Wrote ${path}. Run it with \`traceo load ${path}\`.\n`);
  return EXIT.ok;
}

function convert(har: string, invocation: Invocation): number {
  let script: string;
  try {
    script = scriptOfHar(readFileSync(har, "utf8"), {
      only: texts(invocation, "only"),
      skip: texts(invocation, "skip"),
      keepsStatic: invocation.options["static"] === true,
    });
  } catch (error) {
    invocation.err(`traceo load convert: ${har}: ${describeError(error)}.\n`);
    return EXIT.failed;
  }
  const path = text(invocation, "output");
  if (path === undefined) invocation.out(script);
  else writeFileSync(path, script);
  return EXIT.ok;
}

/** Undefined after it has said what is wrong. */
async function readConfig(script: string, invocation: Invocation): Promise<LoadConfig | undefined> {
  const { options, environment, err } = invocation;
  // The environment of this machine, with its secrets, does not travel to others unless it is asked for.
  const travels = texts(invocation, "agent").length > 0;
  const includesSystem = (text(invocation, "include-system-env-vars") ?? String(!travels)) !== "false";
  const { values, problem } = scriptEnvironment(environment, texts(invocation, "env"), includesSystem);
  if (problem !== undefined) {
    err(`traceo load: ${problem}.\n`);
    return undefined;
  }
  const configFile = text(invocation, "config");
  const sources = readOptionSources(
    options,
    environment,
    configFile === undefined ? undefined : { name: configFile, text: readFileSync(configFile, "utf8") },
  );
  for (const note of sources.notes) err(`${note}\n`);
  const generators = Number(text(invocation, "generators") ?? 1);
  if (!Number.isInteger(generators) || generators < 1 || generators > 64) {
    err("traceo load: --generators takes a number from 1 to 64.\n");
    return undefined;
  }
  const mode = text(invocation, "summary-mode") ?? "compact";
  if (mode !== "compact" && mode !== "full" && mode !== "disabled") {
    err("traceo load: --summary-mode is compact, full or disabled.\n");
    return undefined;
  }
  const agents = texts(invocation, "agent").map(readAgentAddress);
  const token = agents.length === 0 ? "" : agentToken(invocation);
  if (agents.includes(undefined)) err("traceo load: --agent takes HOST:PORT.\n");
  if (token === undefined || agents.includes(undefined)) return undefined;
  const isTerminal = process.stdout.isTTY === true;
  const bytes = script === "-" ? await readInput() : readScript(script);
  if (bytes === undefined) {
    err(`traceo load: there is no file ${resolve(script)}.\n`);
    return undefined;
  }
  const archived = readLoadArchive(bytes);
  const entry = resolve(script);
  return {
    source: archived?.source ?? { entry, files: { [entry]: bytes }, isClosed: false },
    ...(archived === undefined ? {} : { archivedOptions: archived.archivedOptions }),
    scriptEnvironment: { ...archived?.environment, ...values },
    resumed,
    outputs: [...texts(invocation, "out"), ...(environment["K6_OUT"] ?? "").split(",").filter((part) => part !== "")],
    outputEnvironment: environment,
    version: programVersion(),
    ...(text(invocation, "name") === undefined ? {} : { name: text(invocation, "name")! }),
    weaker: sources.weaker,
    stronger: sources.stronger,
    generators,
    agents: agents.map((address) => ({ ...address!, token })),
    noThresholds: options["no-thresholds"] === true,
    acceptVoid: options["accept-void"] === true,
    summary: {
      mode: options["no-summary"] === true ? "disabled" : mode,
      isTerminal,
      noColor: options["no-color"] === true || environment["NO_COLOR"] !== undefined,
    },
    signal: invocation.signal,
  };
}

/** Undefined when there is no such file. */
function readScript(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A paused run waits for SIGCONT, or for Enter. */
async function resumed(): Promise<void> {
  await new Promise<void>((resume) => {
    const end = (): void => {
      process.off("SIGCONT", end);
      process.stdin.off("data", end);
      process.stdin.pause();
      resume();
    };
    process.on("SIGCONT", end);
    if (process.stdin.isTTY) process.stdin.on("data", end);
  });
}

async function readInput(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function runScript(script: string, config: LoadConfig, invocation: Invocation): Promise<number> {
  const { options, err } = invocation;
  const consolePath = text(invocation, "console-output");
  const consoleFile = consolePath === undefined ? undefined : createWriteStream(consolePath, { flags: "a" });
  const screen = openLoadScreen({
    write: err,
    isTerminal: process.stderr.isTTY === true,
    columns: () => process.stderr.columns ?? 100,
    isQuiet: options["quiet"] === true,
    isVerbose: options["verbose"] === true,
    ...(consoleFile === undefined ? {} : { writeConsole: (line: string) => void consoleFile.write(line) }),
  });
  let result: RunResult;
  try {
    result = await runLoadTest(config, screen);
  } finally {
    screen.close();
    if (consoleFile !== undefined) await new Promise<void>((done) => void consoleFile.end(done));
  }
  writeOutputs(result, invocation);
  if (result.voidReasons.length > 0)
    err(
      `\nThis run is void: what it measured does not count.\n${result.voidReasons.map((reason) => `  ${reason}\n`).join("")}`,
    );
  else if (result.failure !== undefined) err(`traceo load: ${script}: ${result.failure}\n`);
  if (result.iterations.dropped > 0)
    err(
      `${result.iterations.dropped} iterations were dropped: the asked rate was not reached, and the latencies are those of the rest only.\n`,
    );
  return result.exitCode;
}

function writeOutputs(result: RunResult, invocation: Invocation): void {
  const isJson = invocation.options["json"] === true;
  for (const [name, content] of Object.entries(result.outputs)) {
    if (name === "stdout") {
      if (!isJson) invocation.out(typeof content === "string" ? content : Buffer.from(content).toString("utf8"));
    } else if (name === "stderr") {
      invocation.err(typeof content === "string" ? content : Buffer.from(content).toString("utf8"));
    } else {
      try {
        mkdirSync(dirname(resolve(name)), { recursive: true });
        writeFileSync(name, content);
      } catch (error) {
        invocation.err(
          `traceo load: ${name} could not be written: ${error instanceof Error ? error.message : String(error)}\n`,
        );
      }
    }
  }
  const exportPath = text(invocation, "summary-export");
  if (exportPath !== undefined && result.summaryExport !== undefined) writeFileSync(exportPath, result.summaryExport);
  if (!isJson) return;
  const { options: _, outputs: __, summaryExport: ___, ...said } = result;
  invocation.out(`${JSON.stringify(said)}\n`);
}
