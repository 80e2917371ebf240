import type { EngineAnswer } from "#engine/engine.ts";

export interface FrameColumn {
  /** The engine's type, e.g. `LowCardinality(String)`. */
  readonly type: string;
  readonly values: readonly unknown[];
}

/** A result as columns. The accessors name what the caller expects; another content is a programmer's error and throws. */
export class Frame {
  readonly columns: ReadonlyMap<string, FrameColumn>;
  readonly rowCount: number;

  constructor(columns: ReadonlyMap<string, FrameColumn>, rowCount: number) {
    this.columns = columns;
    this.rowCount = rowCount;
  }

  #values(name: string): readonly unknown[] {
    const column = this.columns.get(name);
    if (column === undefined) throw new Error(`the frame has no column ${name}`);
    return column.values;
  }

  strings(name: string): readonly string[] {
    return this.#values(name).map((value) => {
      if (typeof value !== "string") throw new Error(`${name} holds ${typeof value}, not text`);
      return value;
    });
  }

  /** Text of whatever single values the engine gave. */
  texts(name: string): readonly string[] {
    return this.#values(name).map(String);
  }

  /** Numbers; a 64-bit integer beyond 2^53 is rounded. NaN where the engine had no number. */
  numbers(name: string): readonly number[] {
    return this.#values(name).map((value) => {
      if (typeof value === "number") return value;
      if (typeof value === "string" || typeof value === "boolean") return Number(value);
      if (value === null) return Number.NaN;
      throw new Error(`${name} holds ${typeof value}, not a number`);
    });
  }

  maps(name: string): readonly Readonly<Record<string, string>>[] {
    return this.#values(name).map((value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${name} holds no map`);
      return value as Record<string, string>;
    });
  }

  lists<T extends string | number>(name: string): readonly (readonly T[])[] {
    return this.#values(name).map((value) => {
      if (!Array.isArray(value)) throw new Error(`${name} holds no list`);
      return value as T[];
    });
  }

  /** Values as the engine gave them. */
  raw(name: string): readonly unknown[] {
    return this.#values(name);
  }

  /** Lists of whatever the engine nested: maps of events, tuples. */
  nested(name: string): readonly (readonly unknown[])[] {
    return this.lists(name) as readonly (readonly unknown[])[];
  }
}

/** Reads an answer in `JSONCompact`. `names` renames the engine's columns. */
export function parseFrame(answer: EngineAnswer, names?: ReadonlyMap<string, string>): Frame {
  const text = new TextDecoder().decode(answer.bytes);
  const json = JSON.parse(text) as {
    meta: { name: string; type: string }[];
    data: unknown[][];
    rows: number;
  };
  const columns = new Map<string, FrameColumn>();
  for (const [index, { name, type }] of json.meta.entries())
    columns.set(names?.get(name) ?? name, { type, values: json.data.map((row) => row[index]) });
  return new Frame(columns, json.data.length);
}
