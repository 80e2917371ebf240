import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { type Filter, parseFilter, printFilter } from "../../../src/api/contract/filter.ts";
import type { Zone } from "../format/clock-time.ts";
import { ADDRESS_VERSION, type Address, carried, normalized, printAddress } from "./address.ts";
import { renewMoment, useMoment } from "./moment.ts";
import { usePreferences } from "./preferences.ts";
import { absoluteRange, type ResolvedRange, resolveRange } from "./time-range.ts";

export type Signal = "spans" | "logs" | "metrics";

const FIELDS: Readonly<Record<Signal, ReadonlySet<string>>> = {
  spans: new Set(["service", "name", "kind", "status", "duration", "trace", "span", "parent", "scope", "event"]),
  logs: new Set(["service", "trace", "span", "scope", "severity", "body", "template", "event"]),
  metrics: new Set(["service", "metric", "scope"]),
};

/** Whether a signal's rows have the field at all: a duration means nothing to a log line. */
export function appliesTo(signal: Signal, filter: Filter): boolean {
  return filter.field.includes(".") || FIELDS[signal].has(filter.field);
}

export function useAddress(): Address {
  return useSearch({ strict: false }) as Address;
}

/** Changes part of the address. `replace` leaves no step for Back: for typing, dragging and moving a cursor. */
export function useChange(): (change: Address, options?: { readonly replace?: boolean }) => void {
  const navigate = useNavigate();
  return useCallback(
    (change, options) => {
      if ("from" in change || "to" in change) renewMoment();
      void navigate({
        to: ".",
        search: ((previous: Address) => normalized({ ...previous, ...change })) as never,
        replace: options?.replace ?? false,
        resetScroll: false,
      });
    },
    [navigate],
  );
}

/** Opens a place in the interface by its path and search. */
export function useOpen(): (href: string) => void {
  const router = useRouter();
  return useCallback((href) => router.history.push(href), [router]);
}

export interface Question {
  readonly address: Address;
  readonly range: ResolvedRange;
  readonly nowMs: number;
  readonly zone: Zone;
  /** Filters that this signal understands, in text form, ready to send. */
  readonly where: readonly string[];
  /** Every filter of the address with whether it is used here. */
  readonly filters: readonly { readonly text: string; readonly filter: Filter | null; readonly used: boolean }[];
  /** `from`, `to` and `where` as parameters. */
  readonly parameters: Parameters;
}

export type Parameters = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** The question that the address asks of one signal, with the range resolved. */
export function useQuestion(signal: Signal): Question {
  const address = useAddress();
  const nowMs = useMoment();
  const preferences = usePreferences();
  return useMemo(() => {
    const range = resolveRange(address.from, address.to, nowMs);
    const filters = (address.where ?? []).map((text) => {
      const filter = parseFilter(text);
      return "message" in filter
        ? { text, filter: null, used: false }
        : { text, filter, used: appliesTo(signal, filter) };
    });
    const where = filters.filter(({ used }) => used).map(({ text }) => text);
    return {
      address,
      range,
      nowMs,
      zone: address.zone ?? preferences.zone,
      where,
      filters,
      parameters: { from: Math.floor(range.fromMs), to: Math.ceil(range.toMs), where },
    };
  }, [address, nowMs, preferences.zone, signal]);
}

export function useZone(): Zone {
  const { zone } = useAddress();
  const preferences = usePreferences();
  return zone ?? preferences.zone;
}

export function useRange(): ResolvedRange {
  const { from, to } = useAddress();
  const nowMs = useMoment();
  return useMemo(() => resolveRange(from, to, nowMs), [from, to, nowMs]);
}

/** Filters with one more, which replaces what contradicts it: another `=` on the same field. */
export function withFilter(where: readonly string[] | undefined, filter: Filter): readonly string[] {
  const text = printFilter(filter);
  const kept = (where ?? []).filter((other) => {
    const parsed = parseFilter(other);
    if ("message" in parsed) return true;
    if (other === text) return false;
    const same = parsed.field === filter.field && parsed.values.join() === filter.values.join();
    if (same && (parsed.op === "=" || parsed.op === "!=")) return false;
    return !(filter.op === "=" && parsed.op === "=" && parsed.field === filter.field);
  });
  return [...kept, text];
}

/** A link to another view that carries the question along. */
export function hrefTo(path: string, address: Address, change: Address = {}): string {
  return path + printAddress(normalized({ ...carried(address), ...change }));
}

/** The same place with absolute times, as links are copied. */
export function lasting(address: Address, range: ResolvedRange): Address {
  const { live: _, ...rest } = address;
  return { v: ADDRESS_VERSION, ...rest, ...absoluteRange(range) };
}
