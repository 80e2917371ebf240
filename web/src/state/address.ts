/**
 * The address is the state. This is version 1 of its schema; the UI, the command line and alerts print and read it.
 *
 * Paths
 *   /                       Home                      /logs              Logs
 *   /services               Services                  /metrics           Metrics
 *   /services/{service}     one service               /sql               SQL
 *   /traces                 Traces                    /trails/{id}       an evidence trail
 *   /traces/{traceId}       one trace                 /v/{id}            a saved view (what was too long for a link)
 *
 * Parameters, all optional; an absent one means its default
 *   v          version of this schema; absent means 1
 *   tenant     tenant, else the server's default
 *   from, to   `now-15m`, `now`, RFC 3339, or Unix milliseconds; default the last 15 minutes
 *   zone       `local` or `utc`; else what the person prefers
 *   where      repeated: one filter each, see src/api/contract/filter.ts
 *   text       words to look for (logs: in the body; elsewhere: in the name)
 *   columns    comma-separated fields shown as columns
 *   sort       a column, `-` before it for descending
 *   group      comma-separated fields to group by
 *   tab        the part of a view: `map`, `patterns`, `flame`, `compare`, …
 *   select     a selection: `{fromMs}..{toMs},{lowNs}..{highNs}` (either half may be `*`), or a filter after `=`
 *   open       the open row: a span id, a log line's id
 *   wrap       `1` while long lines are wrapped
 *   live       `1` while new data is followed
 *   metric, aggregate, sql   what the Metrics and SQL views ask
 *
 * Unknown parameters and malformed values are left out, never an error: an old link opens as well as it can.
 */
export const ADDRESS_VERSION = 1;

export interface Address {
  readonly v?: number | undefined;
  readonly tenant?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly zone?: "local" | "utc" | undefined;
  readonly where?: readonly string[] | undefined;
  readonly text?: string | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly sort?: string | undefined;
  readonly group?: readonly string[] | undefined;
  readonly tab?: string | undefined;
  readonly select?: string | undefined;
  readonly open?: string | undefined;
  readonly wrap?: boolean | undefined;
  readonly live?: boolean | undefined;
  readonly metric?: string | undefined;
  readonly aggregate?: string | undefined;
  readonly sql?: string | undefined;
}

export const DEFAULT_FROM = "now-15m";
export const DEFAULT_TO = "now";

type Kind = "number" | "string" | "list" | "commas" | "flag" | "zone" | "time";
const KINDS: { readonly [key in keyof Required<Address>]: Kind } = {
  v: "number",
  tenant: "string",
  from: "time",
  to: "time",
  zone: "zone",
  where: "list",
  text: "string",
  columns: "commas",
  sort: "string",
  group: "commas",
  tab: "string",
  select: "string",
  open: "string",
  wrap: "flag",
  live: "flag",
  metric: "string",
  aggregate: "string",
  sql: "string",
};
const KEYS = Object.keys(KINDS) as (keyof Address)[];

/** Times as addresses spell them: `now`, `now-15m`, RFC 3339, Unix milliseconds. */
export const TIME_PATTERN =
  /^(now([+-]\d+[smhdw])?|\d{11,14}|\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))$/;

/** Reads `?…` (with or without the mark). Never throws. */
export function parseAddress(search: string): Address {
  const parameters = new URLSearchParams(search);
  const address: Record<string, unknown> = {};
  for (const key of KEYS) {
    const value = read(KINDS[key], parameters.getAll(key));
    if (value !== undefined) address[key] = value;
  }
  return address as Address;
}

function read(kind: Kind, values: readonly string[]): unknown {
  const first = values[0];
  if (first === undefined) return undefined;
  switch (kind) {
    case "number":
      return /^\d{1,6}$/.test(first) ? Number(first) : undefined;
    case "string":
      return first === "" ? undefined : first;
    case "time":
      return TIME_PATTERN.test(first) ? first : undefined;
    case "zone":
      return first === "local" || first === "utc" ? first : undefined;
    case "flag":
      return first === "1" ? true : undefined;
    case "list": {
      const list = values.filter((value) => value.trim() !== "");
      return list.length === 0 ? undefined : list;
    }
    case "commas": {
      const list = first.split(",").filter((value) => value !== "");
      return list.length === 0 ? undefined : list;
    }
  }
}

/** The text form, `?` included, empty when everything is default; `parseAddress(printAddress(a))` gives a back. */
export function printAddress(address: Address): string {
  const parts: string[] = [];
  const add = (key: string, value: string): void => {
    parts.push(`${key}=${encode(value)}`);
  };
  for (const key of KEYS) {
    const value = address[key];
    if (value === undefined || value === "" || value === false) continue;
    if (value === true) add(key, "1");
    else if (typeof value === "string" || typeof value === "number") add(key, String(value));
    else if (KINDS[key] === "commas") {
      if (value.length > 0) add(key, value.join(","));
    } else for (const item of value) add(key, item);
  }
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Percent-encoding that keeps links readable: spaces become `+`, and what a query may hold stays. */
function encode(value: string): string {
  // A lone surrogate has no encoding; it becomes U+FFFD, as URLSearchParams would do.
  return encodeURIComponent(value.replaceAll(/\p{Cs}/gu, "\ufffd"))
    .replaceAll("%20", "+")
    .replaceAll(/%(2C|3A|2F|3D|3C|3E|40|24|22|5B|5D|7E)/g, (code) =>
      code === "%22" || code === "%3C" || code === "%3E" ? code : decodeURIComponent(code),
    );
}

/** What goes along when the person moves to another signal: the question, not the furniture. */
export function carried(address: Address): Address {
  const { tenant, from, to, zone, where, live } = address;
  return Object.fromEntries(
    Object.entries({ tenant, from, to, zone, where, live }).filter(([, value]) => value !== undefined),
  );
}

/** Default removed, so that equal states have equal addresses. */
export function normalized(address: Address): Address {
  const entries = Object.entries(address).filter(
    ([key, value]) =>
      value !== undefined &&
      value !== "" &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0) &&
      !(key === "from" && value === DEFAULT_FROM && (address.to ?? DEFAULT_TO) === DEFAULT_TO) &&
      !(key === "to" && value === DEFAULT_TO),
  );
  return Object.fromEntries(entries) as Address;
}

/** A region of the heatmap, a stretch of time, or the rows that match a filter. */
export type Selection =
  | {
      readonly kind: "region";
      readonly fromMs: number;
      readonly toMs: number;
      readonly lowNs: number | null;
      readonly highNs: number | null;
    }
  | { readonly kind: "filter"; readonly filter: string };

export function parseSelection(text: string | undefined): Selection | null {
  if (text === undefined) return null;
  if (text.startsWith("=")) return text.length > 1 ? { kind: "filter", filter: text.slice(1) } : null;
  const match = /^(\d+)\.\.(\d+),(?:\*|(\d+)\.\.(\d+))$/.exec(text);
  if (match === null) return null;
  const [fromMs, toMs] = [Number(match[1]), Number(match[2])];
  const low = match[3] === undefined ? null : Number(match[3]);
  const high = match[4] === undefined ? null : Number(match[4]);
  if (fromMs >= toMs || (low !== null && high !== null && low >= high)) return null;
  return { kind: "region", fromMs, toMs, lowNs: low, highNs: high };
}

export function printSelection(selection: Selection): string {
  if (selection.kind === "filter") return `=${selection.filter}`;
  const rows =
    selection.lowNs === null || selection.highNs === null
      ? "*"
      : `${Math.round(selection.lowNs)}..${Math.round(selection.highNs)}`;
  return `${Math.round(selection.fromMs)}..${Math.round(selection.toMs)},${rows}`;
}
