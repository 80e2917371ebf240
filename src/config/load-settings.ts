import { existsSync, readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { describeError, Failure } from "#runtime/failure.ts";
import { type Settings, settingsSchema } from "./settings.ts";

type Tree = { [key: string]: unknown };

export interface SettingsSources {
  /** Path of a YAML or JSON file. */
  readonly file?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Dotted names: `engine.url`. Values are text as typed. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
}

/** Reads settings: file < environment < flags. Throws "config-invalid" that names the setting, where it was set and what is wrong. */
export function loadSettings(sources: SettingsSources): Settings {
  const origin = new Map<string, string>();
  const tree: Tree = {};
  if (sources.file !== undefined) merge(tree, readFile(sources.file), "", sources.file, origin);
  for (const [name, value] of Object.entries(sources.environment ?? {})) {
    if (!name.startsWith("TRACEO_") || value === undefined) continue;
    const path = environmentNames.get(name);
    if (path === undefined)
      throw new Failure(
        "config-invalid",
        `Unknown environment variable ${name}.${suggestion(name, [...environmentNames.keys()])}`,
      );
    set(tree, path, value);
    origin.set(path, name);
  }
  for (const [path, value] of Object.entries(sources.flags ?? {})) {
    if (value === undefined) continue;
    if (!leaves.has(path))
      throw new Failure("config-invalid", `Unknown setting ${path}.${suggestion(path, [...leaves.keys()])}`);
    set(tree, path, value);
    origin.set(path, `flag for ${path}`);
  }
  const parsed = settingsSchema.safeParse(tree);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const path = issue.path.join(".");
    if (issue.code === "unrecognized_keys") {
      const unknown = issue.keys.map((key) => (path === "" ? key : `${path}.${key}`));
      return `Unknown setting ${unknown.join(", ")}.${suggestion(unknown[0]!, [...leaves.keys()])}`;
    }
    return `${path} (${origin.get(path) ?? "default"}): ${issue.message}`;
  });
  throw new Failure("config-invalid", lines.join("\n"));
}

export interface Leaf {
  readonly path: string;
  readonly environment: string;
  readonly schema: z.ZodType;
}

/** Every setting by its dotted path, in the order of the schema. */
export const leaves: ReadonlyMap<string, Leaf> = new Map(walk(settingsSchema, "").map((leaf) => [leaf.path, leaf]));

const environmentNames: ReadonlyMap<string, string> = new Map(
  [...leaves.values()].map((leaf) => [leaf.environment, leaf.path]),
);

function walk(schema: z.ZodType, prefix: string): Leaf[] {
  const inner = schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodType) : schema;
  if (!(inner instanceof z.ZodObject)) return [{ path: prefix, environment: environmentName(prefix), schema }];
  return Object.entries(inner.shape).flatMap(([key, value]) =>
    walk(value as z.ZodType, prefix === "" ? key : `${prefix}.${key}`),
  );
}

function environmentName(path: string): string {
  return `TRACEO_${path
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll(".", "_")
    .toUpperCase()}`;
}

/** Text from environment or flags becomes what the schema wants: numbers, booleans, lists. */
function set(tree: Tree, path: string, value: string | boolean): void {
  const keys = path.split(".");
  let at = tree;
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {};
    at = at[key] as Tree;
  }
  at[keys.at(-1)!] = convert(leaves.get(path)!.schema, value);
}

function convert(schema: z.ZodType, value: string | boolean): unknown {
  if (typeof value === "boolean") return value;
  let inner: z.ZodType = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap() as z.ZodType;
  if (inner instanceof z.ZodNumber) return value.trim() === "" ? value : Number(value);
  if (inner instanceof z.ZodBoolean)
    return value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value;
  if (inner instanceof z.ZodArray)
    return value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  if (inner instanceof z.ZodRecord) {
    try {
      return parseYaml(value) as unknown;
    } catch {
      return value;
    }
  }
  return value;
}

function readFile(path: string): Tree {
  if (!existsSync(path)) throw new Failure("config-invalid", `The configuration file ${path} does not exist.`);
  let parsed: unknown;
  try {
    parsed = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Failure("config-invalid", `${path}: ${describeError(error)}`, { cause: error });
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== "object" || Array.isArray(parsed))
    throw new Failure("config-invalid", `${path}: expected settings by name at the top.`);
  return parsed as Tree;
}

function merge(into: Tree, from: Tree, prefix: string, source: string, origin: Map<string, string>): void {
  for (const [key, value] of Object.entries(from)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (value !== null && typeof value === "object" && !Array.isArray(value) && !leaves.has(path)) {
      into[key] ??= {};
      merge(into[key] as Tree, value as Tree, path, source, origin);
    } else {
      into[key] = value;
      origin.set(path, source);
    }
  }
}

function suggestion(name: string, known: readonly string[]): string {
  const best = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(2, name.length / 4) ? ` Did you mean ${best.candidate}?` : "";
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length]!;
}
