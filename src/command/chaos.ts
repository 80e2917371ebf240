import { randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type ChaosState, openChaosState } from "#chaos/chaos-state.ts";
import { startCommandLoad } from "#chaos/command-load.ts";
import { type Experiment, parseExperiment } from "#chaos/experiment-file.ts";
import { openFaultProxies } from "#chaos/fault-proxies.ts";
import { type Journal, printJournal, type Verdict } from "#chaos/journal.ts";
import type { StartLoad } from "#chaos/load-underway.ts";
import { runExperiment } from "#chaos/run-experiment.ts";
import { Failure } from "#runtime/failure.ts";
import { type ApiClient, CLIENT_OPTIONS, openClient, text, texts } from "./api-client.ts";
import { startScriptLoad } from "./chaos-load.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { printable, printTable } from "./table.ts";

/** What `run` answers, besides EXIT's. */
const VERDICT_EXIT: Readonly<Record<Verdict, number>> = { passed: EXIT.ok, failed: 10, aborted: 11, void: 12 };

const UNDO_TIMEOUT_MS = 30_000;

export const chaos: Command = {
  name: "chaos",
  summary: "Inject faults, alone or while load runs, and judge whether the steady state holds.",
  usage: "run FILE | proxy | undo | list | status [options]",
  description: [
    "  run FILE  run an experiment; what earlier ones left behind is undone first",
    "  proxy     run TCP proxies that inject faults, steered through Toxiproxy's HTTP API",
    "  undo      take away every fault whose experiment is gone; --force: also of those that run",
    "  list      show the experiments that were run, newest first",
    "  status    show the faults and targets that are under experiment now",
    "",
    "Whatever ends an experiment (a crash, a kill, a closed terminal), its faults end: each has an undo record on disk before it",
    "is injected, and a process of its own that takes it away when the experiment is gone or its time is over.",
    "",
    "`run` is void when it says nothing: there was no steady state to begin with, or the load generator was the bottleneck.",
    "docs/guide/chaos.md explains the file.",
  ].join("\n"),
  options: {
    ...CLIENT_OPTIONS,
    json: { type: "boolean", help: "run: the journal; list and status: one JSON document." },
    env: {
      type: "strings",
      short: "e",
      value: "NAME=VALUE",
      help: "run: a variable of the file, and of the script's __ENV; repeatable.",
    },
    check: { type: "boolean", help: "run: only check the file." },
    journal: { type: "string", value: "FILE", help: "run: write the journal there, too." },
    state: {
      type: "string",
      value: "DIR",
      help: "Undo records, leases and journals (default $XDG_STATE_HOME/traceo/chaos, ~/.local/state/traceo/chaos).",
    },
    force: { type: "boolean", help: "undo: also the faults of experiments that run." },
    listen: { type: "string", value: "HOST:PORT", help: "proxy: where its API listens (default 127.0.0.1:8474)." },
    proxy: { type: "strings", value: "NAME=LISTEN=UPSTREAM", help: "proxy: one to begin with; repeatable." },
    config: { type: "string", value: "FILE", help: "proxy: proxies to begin with, in Toxiproxy's JSON." },
    remote: {
      type: "boolean",
      help: "proxy: allow addresses beyond loopback. Whoever reaches the API may cut connections.",
    },
  },
  examples: [
    "traceo chaos run examples/chaos/packet-loss.yaml",
    "traceo chaos proxy --proxy shop=127.0.0.1:18080=127.0.0.1:8080",
    "traceo chaos undo",
  ],
  exitCodes: "0 done or passed, 1 could not begin, 2 wrong usage, 10 failed, 11 aborted, 12 void.",
  run: async (invocation) => {
    const [action = "", ...rest] = invocation.positionals;
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (run === undefined || rest.length !== (action === "run" ? 1 : 0)) {
      invocation.err(`traceo chaos: say \`run FILE\`, ${Object.keys(ACTIONS).slice(1).join(", ")}.\n`);
      return EXIT.usage;
    }
    return await run(invocation, rest);
  },
};

const ACTIONS: Readonly<Record<string, (invocation: Invocation, rest: readonly string[]) => Promise<number>>> = {
  run: runFile,
  proxy: runProxy,
  undo: async (invocation) => {
    const state = await openState(invocation);
    const force = invocation.options["force"] === true;
    const { undone, underway, failed } = await state.undo({ removeTimeoutMs: UNDO_TIMEOUT_MS, force });
    if (invocation.options["json"] === true) invocation.out(`${JSON.stringify({ undone, underway, failed })}\n`);
    else {
      for (const fault of undone) invocation.out(`undone: ${fault.name} (${fault.spec.type}) of ${fault.experiment}\n`);
      for (const fault of underway)
        invocation.out(`left to its experiment: ${fault.name} of ${fault.experiment}, process ${fault.owner.pid}\n`);
      for (const { why } of failed) invocation.err(`${why}\n`);
      if (undone.length + underway.length + failed.length === 0) invocation.out("No fault is open.\n");
    }
    return failed.length === 0 ? EXIT.ok : EXIT.failed;
  },
  list: async (invocation) => {
    const journals = await (await openState(invocation)).journals(100);
    if (invocation.options["json"] === true) invocation.out(`${JSON.stringify(journals)}\n`);
    else if (journals.length === 0) invocation.out("No experiment was run yet.\n");
    else
      invocation.out(
        printTable(
          ["time", "verdict", "experiment", "faults", "why"],
          journals.map((journal) => [
            new Date(journal.startedMs).toISOString(),
            journal.verdict,
            printable(journal.experiment.name),
            journal.faults.map(({ type }) => type).join(", "),
            printable(journal.reasons[0] ?? ""),
          ]),
        ),
      );
    return EXIT.ok;
  },
  status: async (invocation) => {
    const state = await openState(invocation);
    const [faults, leases] = [await state.records.list(), await state.leases()];
    if (invocation.options["json"] === true) invocation.out(`${JSON.stringify({ faults, leases })}\n`);
    else if (faults.length + leases.length === 0) invocation.out("No experiment runs, and no fault is open.\n");
    else {
      for (const { target, holder } of leases) invocation.out(`${target} is under experiment: ${holder}\n`);
      for (const fault of faults)
        invocation.out(
          `${fault.name} (${fault.spec.type}) of ${fault.experiment} ends by ${new Date(fault.deadlineMs).toISOString()} at the latest\n`,
        );
    }
    return EXIT.ok;
  },
};

async function runFile(invocation: Invocation, [file = ""]: readonly string[]): Promise<number> {
  const path = resolve(file);
  const given = Object.fromEntries(texts(invocation, "env").map(parseVariable));
  const experiment = withEnvironment(parseExperiment(read(path), path, { ...invocation.environment, ...given }), given);
  if (invocation.options["check"] === true) {
    invocation.out(`${file} is an experiment: ${experiment.name}.\n`);
    return EXIT.ok;
  }
  const state = await openState(invocation);
  const journal = await runExperiment(
    experiment,
    path,
    {
      state,
      ask: askOf(openClient(invocation)),
      startLoad,
      random,
      onProgress: (line) => invocation.err(`${line}\n`),
    },
    invocation.signal,
  );
  const kept = await state.keepJournal(journal);
  const copy = text(invocation, "journal");
  if (copy !== undefined) writeFileSync(copy, `${JSON.stringify(journal, undefined, 2)}\n`);
  if (invocation.options["json"] === true) invocation.out(`${JSON.stringify(journal)}\n`);
  else invocation.out(`\n${printJournal(journal)}Journal: ${kept}\n`);
  return VERDICT_EXIT[(journal satisfies Journal).verdict];
}

async function runProxy(invocation: Invocation): Promise<number> {
  // What a crashed experiment left in a proxy that is started anew is gone; elsewhere it may not be.
  await (await openState(invocation)).undo({ removeTimeoutMs: UNDO_TIMEOUT_MS });
  const { host, port } = addressOf(text(invocation, "listen") ?? "127.0.0.1:8474");
  await using proxies = await openFaultProxies({
    host,
    port,
    random,
    nowMs: () => performance.now(),
    allowRemote: invocation.options["remote"] === true,
    proxies: [...configuredProxies(invocation), ...texts(invocation, "proxy").map(parseProxy)],
  });
  invocation.out(`fault proxy ready: API ${proxies.url}\n`);
  for (const { name, listen, upstream } of proxies.list()) invocation.out(`  ${name}: ${listen} → ${upstream}\n`);
  await new Promise<void>((done) => {
    if (invocation.signal.aborted) done();
    else invocation.signal.addEventListener("abort", () => done(), { once: true });
  });
  return EXIT.ok;
}

interface ProxySetting {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
}

function parseProxy(setting: string): ProxySetting {
  const [name = "", listen = "", upstream = "", ...rest] = setting.split("=");
  if (name === "" || listen === "" || upstream === "" || rest.length > 0)
    throw new Failure("bad-request", `--proxy takes NAME=LISTEN=UPSTREAM, not \`${setting}\`.`, {
      remedy: "For example `--proxy shop=127.0.0.1:18080=127.0.0.1:8080`.",
    });
  return { name, listen, upstream, enabled: true };
}

function configuredProxies(invocation: Invocation): readonly ProxySetting[] {
  const file = text(invocation, "config");
  if (file === undefined) return [];
  const wrong = new Failure("config-invalid", `${file} is no list of proxies.`, {
    remedy: 'Write `[{ "name": "shop", "listen": "127.0.0.1:18080", "upstream": "127.0.0.1:8080" }]`.',
  });
  const given: unknown = JSON.parse(read(file));
  if (!Array.isArray(given)) throw wrong;
  return given.map((each: Partial<ProxySetting>) => {
    const { name, listen, upstream, enabled = true } = each;
    if (typeof name !== "string" || typeof listen !== "string" || typeof upstream !== "string") throw wrong;
    return { name, listen, upstream, enabled };
  });
}

function addressOf(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address);
  if (match === null) throw new Failure("bad-request", `--listen takes HOST:PORT, not \`${address}\`.`);
  return { host: match[1] ?? match[2]!, port: Number(match[3]) };
}

function parseVariable(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1) throw new Failure("bad-request", `--env takes NAME=VALUE, not \`${pair}\`.`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** What was said on the command line goes to the load as well. */
function withEnvironment(experiment: Experiment, given: Readonly<Record<string, string>>): Experiment {
  if (experiment.load === undefined) return experiment;
  return { ...experiment, load: { ...experiment.load, environment: { ...experiment.load.environment, ...given } } };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure("not-found", `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
}

/** One place for each user and machine: a crashed experiment is found from wherever the next command is run. */
function openState(invocation: Invocation): Promise<ChaosState> {
  const { environment } = invocation;
  const folder =
    text(invocation, "state") ??
    join(environment["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "traceo", "chaos");
  return openChaosState(resolve(folder));
}

/** The first value of the first row. */
function askOf(client: ApiClient): { sql: Ask; metric: Ask } {
  return {
    sql: async (statement) => {
      const response = await client.request("/api/sql?format=JSONCompactEachRow", {
        method: "POST",
        body: statement,
        headers: { "content-type": "text/plain" },
      });
      const line = (await response.text()).split("\n")[0];
      return line === undefined || line === "" ? undefined : numberOf((JSON.parse(line) as readonly unknown[])[0]);
    },
    metric: async (query) => {
      const { data } = await client.get<PrometheusAnswer>("/api/v1/query", [["query", query]]);
      if (data.resultType === "scalar") return numberOf(data.result[1]);
      return numberOf((data.result[0] as { value?: readonly unknown[] } | undefined)?.value?.[1]);
    },
  };
}

type Ask = (question: string, signal: AbortSignal) => Promise<number | undefined>;

interface PrometheusAnswer {
  readonly data: { readonly resultType: string; readonly result: readonly unknown[] };
}

function numberOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

const startLoad: StartLoad = (request, signal) =>
  request.script === undefined ? startCommandLoad(request, signal) : startScriptLoad(request, signal);

const random = (): number => randomInt(2 ** 32) / 2 ** 32;
