import type { LogRow } from "../../../../src/api/contract/shapes.ts";

/** The value of a filter field on one line, or undefined when the line has none. */
export function fieldOf(row: LogRow, field: string): string | undefined {
  switch (field) {
    case "service":
      return row.service;
    case "body":
      return row.body;
    case "severity":
      return row.severityText;
    case "trace":
      return row.traceId === "" ? undefined : row.traceId;
    case "span":
      return row.spanId === "" ? undefined : row.spanId;
    case "template":
      return row.template;
    case "event":
      return row.eventName === "" ? undefined : row.eventName;
  }
  if (field.startsWith("attributes.")) return own(row.attributes, field.slice(11));
  if (field.startsWith("resource.")) return own(row.resource, field.slice(9));
  return own(row.attributes, field) ?? own(row.resource, field);
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Newest first, each line once: what the tail brings may overlap with what was read. */
export function joinLines(tail: readonly LogRow[], read: readonly LogRow[]): readonly LogRow[] {
  if (tail.length === 0) return read;
  const known = new Set(tail.map(({ id }) => id));
  return [...tail, ...read.filter(({ id }) => !known.has(id))];
}

/**
 * What arrives while following. At the top, lines are shown at once; scrolled away, they wait and are counted. Both are
 * bounded: the oldest go first.
 */
export interface TailState {
  readonly shown: readonly LogRow[];
  readonly waiting: readonly LogRow[];
  /** Lines the server or the browser left out since the start. */
  readonly skipped: number;
}

export const EMPTY_TAIL: TailState = { shown: [], waiting: [], skipped: 0 };
export const MOST_SHOWN = 5000;
export const MOST_WAITING = 2000;

/** `arrived` oldest first, as the tail sends them. */
export function tailArrived(state: TailState, arrived: readonly LogRow[], atTop: boolean): TailState {
  const newest = [...arrived].reverse();
  if (atTop) {
    const shown = [...newest, ...state.waiting, ...state.shown];
    return { shown: shown.slice(0, MOST_SHOWN), waiting: [], skipped: state.skipped };
  }
  const waiting = [...newest, ...state.waiting];
  return {
    shown: state.shown,
    waiting: waiting.slice(0, MOST_WAITING),
    skipped: state.skipped + Math.max(0, waiting.length - MOST_WAITING),
  };
}

export function tailReleased(state: TailState): TailState {
  return { shown: [...state.waiting, ...state.shown].slice(0, MOST_SHOWN), waiting: [], skipped: state.skipped };
}
