import { parseArgs } from "node:util";
import { describeError, isFailure } from "#runtime/failure.ts";
import { Unreachable } from "./api-client.ts";
import { type Command, EXIT, type Invocation, printHelp } from "./command.ts";

/** The commands by name, each loaded only when asked for: `traceo version` must not load an engine. */
const COMMANDS: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  serve: {
    summary: "Run Traceo: take telemetry in, keep it, answer questions.",
    load: async () => (await import("./serve.ts")).serve,
  },
  demo: {
    summary: "Run Traceo with a small shop that sends telemetry; break it and find out why.",
    load: async () => (await import("./demo.ts")).demo,
  },
  query: {
    summary: "Ask a running Traceo for traces, spans, logs, services or metrics.",
    load: async () => (await import("./query.ts")).query,
  },
  sql: { summary: "Run one SELECT over the telemetry.", load: async () => (await import("./sql.ts")).sql },
  tail: { summary: "Follow log lines as they arrive.", load: async () => (await import("./tail.ts")).tail },
  load: { summary: "Run a k6 script as a load test.", load: async () => (await import("./load.ts")).load },
  chaos: {
    summary: "Inject faults, alone or while load runs, and judge whether the steady state holds.",
    load: async () => (await import("./chaos.ts")).chaos,
  },
  backup: {
    summary: "Let a running Traceo write a backup of everything it keeps.",
    load: async () => (await import("./backup.ts")).backup,
  },
  restore: {
    summary: "Put a backup in place of an empty data folder.",
    load: async () => (await import("./restore.ts")).restore,
  },
  doctor: {
    summary: "Look for what is wrong and say what to do.",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  version: { summary: "Say which version this is.", load: async () => (await import("./version.ts")).version },
};

/** Runs one command line (without node and script) and answers its exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  invocation: Omit<Invocation, "positionals" | "options">,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const asked = name === "help" ? rest[0] : undefined;
    if (asked !== undefined && asked in COMMANDS) invocation.out(printHelp(await COMMANDS[asked]!.load()));
    else invocation.out(overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const entry = COMMANDS[name === "--version" || name === "-v" ? "version" : name];
  if (entry === undefined) {
    invocation.err(`traceo: there is no command \`${name}\`. Run \`traceo --help\`.\n`);
    return EXIT.usage;
  }
  const command = await entry.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    invocation.out(printHelp(command));
    return EXIT.ok;
  }
  try {
    const { values, positionals } = parseArgs({
      args: [...(command.rewrite?.(rest) ?? rest)],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(command.options).map(([option, spec]) => [
          option,
          {
            type: spec.type === "boolean" ? ("boolean" as const) : ("string" as const),
            multiple: spec.type === "strings",
            ...(spec.short === undefined ? {} : { short: spec.short }),
          },
        ]),
      ),
    });
    return await command.run({ ...invocation, positionals, options: values as Invocation["options"] });
  } catch (error) {
    if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
      invocation.err(`traceo ${command.name}: ${error.message}\nRun \`traceo ${command.name} --help\`.\n`);
      return EXIT.usage;
    }
    if (invocation.signal.aborted) return EXIT.ok;
    invocation.err(`traceo ${command.name}: ${describeError(error)}\n`);
    if (error instanceof Unreachable) return EXIT.unreachable;
    if (isFailure(error)) invocation.err(`  ${error.remedy}\n`);
    else if (error instanceof Error && invocation.environment["TRACEO_DEBUG"] !== undefined)
      invocation.err(`${error.stack}\n`);
    return EXIT.failed;
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return [
    "traceo: takes OpenTelemetry traces, metrics and logs, keeps them, answers fast.",
    "",
    "  traceo COMMAND [options]",
    "",
    ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "`traceo COMMAND --help` says more. Every command that prints data takes --json.",
    "",
  ].join("\n");
}
