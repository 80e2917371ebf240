import { parseDuration } from "./duration.ts";

/** One thing that is wrong with the options: where it stands (`options.stages[1].duration`) and what is wrong with it. */
export interface OptionProblem {
  readonly path: string;
  readonly message: string;
}

/** The options cannot be used; exit code 104. Lists everything that is wrong, not only the first. */
export class InvalidOptions extends Error {
  override readonly name = "InvalidOptions";
  readonly problems: readonly OptionProblem[];

  constructor(problems: readonly OptionProblem[]) {
    super(problems.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    this.problems = problems;
  }
}

/** Reads a value of a script or of JSON: reports what is wrong to `problems` and then answers undefined. */
export type Read<Value> = (value: unknown, path: string, problems: OptionProblem[]) => Value | undefined;

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "a list"
      : typeof value === "object"
        ? "an object"
        : `a ${typeof value}`;

const expected =
  <Value>(what: string, accept: (value: unknown) => Value | undefined): Read<Value> =>
  (value, path, problems) => {
    const accepted = accept(value);
    if (accepted === undefined) problems.push({ path, message: `expected ${what}, found ${shown(value)}` });
    return accepted;
  };

function shown(value: unknown): string {
  if (typeof value === "string")
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}

export const boolean: Read<boolean> = expected("true or false", (value) =>
  typeof value === "boolean" ? value : undefined,
);
export const text: Read<string> = expected("a text", (value) => (typeof value === "string" ? value : undefined));

/** Whole and not below `least`. */
export const integer = (least = 0): Read<number> =>
  expected(`a whole number${Number.isFinite(least) ? `, ${least} or more` : ""}`, (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least ? value : undefined,
  );

/** `"1m30s"` or a number of milliseconds, not negative; in ms. */
export const duration: Read<number> = expected('a duration such as "1m30s", or milliseconds', (value) => {
  const ms = typeof value === "string" ? parseDuration(value) : typeof value === "number" ? value : undefined;
  return ms !== undefined && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
});

export const oneOf = <Value extends string>(...values: readonly Value[]): Read<Value> =>
  expected(`one of ${values.map((value) => JSON.stringify(value)).join(", ")}`, (value) =>
    values.find((known) => known === value),
  );

export const listOf =
  <Value>(read: Read<Value>): Read<readonly Value[]> =>
  (value, path, problems) => {
    if (!Array.isArray(value)) {
      problems.push({ path, message: `expected a list, found ${shown(value)}` });
      return undefined;
    }
    return value.flatMap((item, index) => {
      const accepted = read(item, `${path}[${index}]`, problems);
      return accepted === undefined ? [] : [accepted];
    });
  };

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object of any keys. */
export const mapOf =
  <Value>(read: Read<Value>): Read<Readonly<Record<string, Value>>> =>
  (value, path, problems) => {
    if (!isObject(value)) {
      problems.push({ path, message: `expected an object, found ${shown(value)}` });
      return undefined;
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => {
        const accepted = item === undefined ? undefined : read(item, pathOf(path, key), problems);
        return accepted === undefined ? [] : [[key, accepted]];
      }),
    );
  };

/** An object with these keys and no others; all may be missing. */
export const objectOf =
  <Shape extends Readonly<Record<string, Read<unknown>>>>(
    shape: Shape,
  ): Read<{ readonly [Key in keyof Shape]?: Shape[Key] extends Read<infer Value> ? Value : never }> =>
  (value, path, problems) => {
    if (!isObject(value)) {
      problems.push({ path, message: `expected an object, found ${shown(value)}` });
      return undefined;
    }
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined || item === null) continue;
      if (!Object.hasOwn(shape, key)) problems.push(unknownKey(path, key, Object.keys(shape)));
      else {
        const accepted = shape[key]!(item, pathOf(path, key), problems);
        if (accepted !== undefined) result[key] = accepted;
      }
    }
    return result as never;
  };

export const pathOf = (path: string, key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;

export function unknownKey(path: string, key: string, known: readonly string[]): OptionProblem {
  const near = nearest(key, known);
  return {
    path: pathOf(path, key),
    message: `there is no such option${near === undefined ? "" : `; did you mean \`${near}\`?`}`,
  };
}

/** The known word within a third of the letters of what was written (Levenshtein, letter case ignored). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = levenshtein(word.toLowerCase(), name.toLowerCase());
    if (distance <= most && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

function levenshtein(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
