import { OPTION_FLAGS, optionsOfEnvironment, optionsOfFlags } from "./option/option-flags.ts";
import type { OptionValues } from "./option/option-keys.ts";
import { readOptions } from "./option/option-keys.ts";
import { InvalidOptions, type OptionProblem } from "./option/reader.ts";

/** A flag of `traceo load` that sets an option of the script. */
export interface LoadFlag {
  readonly type: "string" | "strings" | "boolean";
  readonly short?: string;
  readonly value?: string;
  readonly help: string;
}

/** By name without dashes, in k6's spelling. */
export const LOAD_FLAGS: Readonly<Record<string, LoadFlag>> = Object.fromEntries(
  Object.values(OPTION_FLAGS).flatMap(({ flag, short, value, kind, help }): [string, LoadFlag][] => {
    if (flag === undefined) return [];
    const type =
      kind === "boolean" ? "boolean" : kind === "list" || kind === "stages" || kind === "tags" ? "strings" : "string";
    return [
      [flag, { type, ...(short === undefined ? {} : { short }), ...(value === undefined ? {} : { value }), help }],
    ];
  }),
);

export interface OptionSources {
  readonly weaker: readonly OptionValues[];
  readonly stronger: readonly OptionValues[];
  readonly notes: readonly string[];
}

/**
 * Reads what sets options beside the script: a configuration file (weaker than the script), the environment and the flags
 * (stronger, in this order). Throws InvalidOptions, whose message names every mistake.
 * @param file name and text of the `--config` file
 */
export function readOptionSources(
  flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: { readonly name: string; readonly text: string } | undefined,
): OptionSources {
  const problems: OptionProblem[] = [];
  const notes: string[] = [];
  const weaker: OptionValues[] = [];
  if (file !== undefined) {
    try {
      const { collectors: _, ...own } = JSON.parse(file.text) as Record<string, unknown>;
      const read = readOptions(own, file.name, problems);
      weaker.push(read.values);
      notes.push(...read.notes);
    } catch (error) {
      problems.push({
        path: file.name,
        message: `is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }
  const stronger = [optionsOfEnvironment(environment, problems), optionsOfFlags(flags, problems)];
  if (problems.length > 0) throw new InvalidOptions(problems);
  return { weaker, stronger, notes };
}

/** Options that cannot be used, as the command line shows them; undefined for another error. */
export function describeInvalidOptions(error: unknown): string | undefined {
  if (!(error instanceof InvalidOptions)) return undefined;
  return error.problems.map(({ path, message }) => `  ${path}: ${message}`).join("\n");
}

/**
 * `__ENV`: the process's environment unless left out, then what `-e` gives: `NAME=VALUE`, or `NAME` for the variable of that
 * name. Answers what cannot be read as `problem`.
 */
export function scriptEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  given: readonly string[],
  includesSystem: boolean,
): { readonly values: Readonly<Record<string, string>>; readonly problem: string | undefined } {
  const values: Record<string, string> = {};
  if (includesSystem)
    for (const [name, value] of Object.entries(environment)) if (value !== undefined) values[name] = value;
  for (const entry of given) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:=([\s\S]*))?$/.exec(entry);
    if (match === null) return { values, problem: `\`${entry}\` is no environment variable; write NAME=VALUE` };
    const value = match[2] ?? environment[match[1]!];
    if (value !== undefined) values[match[1]!] = value;
  }
  return { values, problem: undefined };
}
