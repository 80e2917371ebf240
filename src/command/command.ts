/**
 * A command of the `traceo` executable: its options, its help and what it does. Commands write results to `out`, remarks and
 * errors to `err`, and answer an exit code of EXIT.
 */
export const EXIT = {
  ok: 0,
  /** It was tried and failed; the message says why. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No server answered. */
  unreachable: 3,
  /** `doctor` found something to mend. */
  unhealthy: 4,
} as const;

export interface OptionSpec {
  /** `string` takes a value, `boolean` none; `strings` may be repeated. */
  readonly type: "string" | "strings" | "boolean";
  readonly short?: string;
  /** What stands for the value in the help: `DIR`. */
  readonly value?: string;
  readonly help: string;
}

export interface Invocation {
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** After `traceo name`: `[options] STATEMENT`. */
  readonly usage: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
  /** Replaces the table of exit codes in the help. */
  readonly exitCodes?: string;
  /** Changes arguments before they are read: for flags whose value may be left out. */
  readonly rewrite?: (args: readonly string[]) => readonly string[];
  run(invocation: Invocation): Promise<number>;
}

/** The help page of one command. */
export function printHelp(command: Command): string {
  const rows = Object.entries(command.options).map(([name, option]) => {
    const value = option.type === "boolean" ? "" : ` ${option.value ?? "VALUE"}`;
    return {
      flag: `${option.short === undefined ? "    " : `-${option.short}, `}--${name}${value}`,
      help: option.help,
    };
  });
  const width = Math.max(0, ...rows.map((row) => row.flag.length));
  const options = rows.map((row) => `  ${row.flag.padEnd(width)}  ${row.help}`);
  return [
    `traceo ${command.name}: ${command.summary}`,
    "",
    `  traceo ${command.name} ${command.usage}`.trimEnd(),
    "",
    command.description,
    "",
    "Options:",
    ...options,
    ...(command.examples.length === 0 ? [] : ["", "Examples:", ...command.examples.map((example) => `  ${example}`)]),
    "",
    `Exit codes: ${command.exitCodes ?? `${EXIT.ok} done, ${EXIT.failed} failed, ${EXIT.usage} wrong usage, ${EXIT.unreachable} no server answered, ${EXIT.unhealthy} doctor found something.`}`,
    "",
  ].join("\n");
}
