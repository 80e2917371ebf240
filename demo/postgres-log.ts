import type { LineLevel } from "./log.ts";

/** One entry of PostgreSQL's log: its first line and the lines that continue it. */
export interface PostgresEntry {
  readonly text: string;
  readonly level: LineLevel;
  readonly time: Date;
}

const START = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[\d+\]/;
const LEVEL = /\b(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY): /;
const LEVELS: Readonly<Record<string, LineLevel>> = {
  WARNING: "WARNING",
  ERROR: "ERROR",
  FATAL: "FATAL",
  PANIC: "FATAL",
};
const MAX_ENTRY_CHARACTERS = 16_384;

/** Cuts PostgreSQL's stderr into entries. An entry is complete when the next one starts, or at `flush`. */
export function createPostgresLogReader(emit: (entry: PostgresEntry) => void): {
  push(chunk: string): void;
  flush(): void;
} {
  let rest = "";
  let pending: string | null = null;

  const flush = (): void => {
    if (pending === null) return;
    const time = START.exec(pending)?.[1];
    const label = LEVEL.exec(pending)?.[1] ?? "LOG";
    emit({
      text: pending,
      level: LEVELS[label] ?? "LOG",
      time: time === undefined ? new Date() : new Date(`${time.replace(" ", "T")}Z`),
    });
    pending = null;
  };
  const take = (line: string): void => {
    if (START.test(line) || pending === null) {
      flush();
      if (line !== "") pending = line;
    } else if (pending.length < MAX_ENTRY_CHARACTERS) pending += `\n${line}`;
  };
  return {
    push(chunk) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    },
    flush,
  };
}
