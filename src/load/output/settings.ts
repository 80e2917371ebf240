import { OutputSettingError } from "./output.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of one output from the environment; an empty value counts as not given. */
export class Settings {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined;
  text(name: string, otherwise: string): string;
  text(name: string, otherwise?: string): string | undefined {
    const value = this.#environment[name];
    return value === undefined || value === "" ? otherwise : value;
  }

  flag(name: string): boolean {
    const value = this.text(name);
    if (value === undefined) return false;
    if (/^(1|t|true)$/i.test(value)) return true;
    if (/^(0|f|false)$/i.test(value)) return false;
    throw new OutputSettingError(`${name} must be true or false, not "${value}"`);
  }

  list(name: string, otherwise: readonly string[]): readonly string[] {
    const value = this.text(name);
    return value === undefined ? otherwise : value.split(",").map((part) => part.trim());
  }

  durationMs(name: string, otherwise: number): number {
    const value = this.text(name);
    return value === undefined ? otherwise : parseDuration(name, value);
  }

  /** All that begin with a prefix, without it. */
  startingWith(prefix: string): readonly (readonly [name: string, value: string])[] {
    return Object.entries(this.#environment).flatMap(([name, value]) =>
      name.startsWith(prefix) && value !== undefined ? [[name.slice(prefix.length), value] as const] : [],
    );
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001 };

/** Go's durations (`1m30s`, `500ms`), or a number of milliseconds. */
export function parseDuration(name: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|us|d|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new OutputSettingError(`${name} must be a duration as 5s or 1m30s, not "${text}"`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}
