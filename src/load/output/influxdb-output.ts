import type { MergedFrame } from "../metric/totals.ts";
import { Delivery } from "./delivery.ts";
import { basicAuthorization, poster } from "./http-post.ts";
import { type Output, type OutputContext, OutputSettingError } from "./output.ts";
import { Settings } from "./settings.ts";

const MAX_BODY_CHARACTERS = 4 << 20;
/** Points of one series with the same time replace each other: the place in the frame makes nanoseconds differ. */
const nanoseconds = (unixMs: number, place: number): string =>
  `${Math.round(unixMs * 1000)}${String(place % 1000).padStart(3, "0")}`;
const PRECISIONS: Readonly<Record<string, (unixMs: number, place: number) => string>> = {
  "": nanoseconds,
  n: nanoseconds,
  ns: nanoseconds,
  u: (unixMs) => String(Math.round(unixMs * 1000)),
  us: (unixMs) => String(Math.round(unixMs * 1000)),
  ms: (unixMs) => String(Math.floor(unixMs)),
  s: (unixMs) => String(Math.floor(unixMs / 1000)),
  m: (unixMs) => String(Math.floor(unixMs / 60_000)),
  h: (unixMs) => String(Math.floor(unixMs / 3_600_000)),
};

/**
 * `-o influxdb=http://host:8086/db`: a point for each sample in the line protocol of InfluxDB 1 (v2 and v3 take it at
 * /write too, with user and password as they map them). Settings: K6_INFLUXDB_ADDR, _DB, _USERNAME, _PASSWORD, _INSECURE,
 * _PRECISION, _RETENTION, _CONSISTENCY, _TAGS_AS_FIELDS, _CONCURRENT_WRITES.
 */
export function openInfluxdbOutput(argument: string, context: OutputContext): Output {
  const settings = new Settings(context.environment);
  const address = addressOf(argument, settings);
  const precision = settings.text("K6_INFLUXDB_PRECISION", "");
  const timeOf = PRECISIONS[precision];
  if (timeOf === undefined)
    throw new OutputSettingError(`K6_INFLUXDB_PRECISION "${precision}" is none of n, u, ms, s, m, h`);
  const concurrency = Number(settings.text("K6_INFLUXDB_CONCURRENT_WRITES", "4"));
  if (!(concurrency >= 1)) throw new OutputSettingError("K6_INFLUXDB_CONCURRENT_WRITES must be a positive number");
  const fields = fieldTags(settings.list("K6_INFLUXDB_TAGS_AS_FIELDS", ["vu", "iter", "url"]));
  const query = new URLSearchParams({ db: address.db });
  for (const [name, setting] of [
    ["precision", "K6_INFLUXDB_PRECISION"],
    ["rp", "K6_INFLUXDB_RETENTION"],
    ["consistency", "K6_INFLUXDB_CONSISTENCY"],
  ] as const) {
    const value = settings.text(setting);
    if (value !== undefined) query.set(name, value);
  }
  const connection = {
    headers: basicAuthorization(address.user, address.password),
    tls: { insecureSkipVerify: settings.flag("K6_INFLUXDB_INSECURE") },
  };
  const post = poster({ ...connection, url: `${address.base}/write?${query}` });
  const create = poster({
    ...connection,
    url: `${address.base}/query?${new URLSearchParams({ q: `CREATE DATABASE "${address.db}"` })}`,
  });
  let created: Promise<void> | undefined;
  const delivery = new Delivery({
    name: "influxdb",
    warn: context.warn,
    pause: context.pause,
    concurrency,
    send: async (body) => {
      // Refused to users without the right: they have a database, or the write will say so.
      created ??= create(new Uint8Array(0)).catch(() => undefined);
      await created;
      await post(body);
    },
  });
  const { registry } = context.totals;
  const tagTexts: { readonly tags: string; readonly fields: string }[] = [];
  const textOf = (set: number): { readonly tags: string; readonly fields: string } => {
    tagTexts[set] ??= tagText(registry.tags.entries(set), fields);
    return tagTexts[set];
  };
  return {
    description: `influxdb (${address.base}, database ${address.db})`,
    wantsRaw: true,
    get counts() {
      return delivery.counts;
    },
    write({ raw }: MergedFrame): void {
      if (raw === undefined) return;
      let text = "";
      const push = (): void => {
        if (text !== "") delivery.push(Buffer.from(text));
        text = "";
      };
      for (let at = 0; at < raw.length; at++) {
        const value = raw.value[at]!;
        if (!Number.isFinite(value)) continue;
        const tags = textOf(raw.tags[at]!);
        text += `${registry.get(raw.metric[at]!).name}${tags.tags} ${tags.fields}value=${value} ${timeOf(raw.unixMs[at]!, at)}\n`;
        if (text.length > MAX_BODY_CHARACTERS) push();
      }
      push();
    },
    close: () => delivery.close(),
  };
}

function addressOf(argument: string, settings: Settings) {
  const text = argument === "" ? settings.text("K6_INFLUXDB_ADDR", "http://localhost:8086") : argument;
  if (!URL.canParse(text)) throw new OutputSettingError(`-o influxdb: "${text}" is no address`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new OutputSettingError(`-o influxdb: ${url.protocol}// is not supported, only http:// and https://`);
  const path = url.pathname.split("/").filter((part) => part !== "");
  const db = path.pop() ?? settings.text("K6_INFLUXDB_DB", "k6");
  return {
    base: [url.origin, ...path].join("/"),
    db,
    user: url.username === "" ? settings.text("K6_INFLUXDB_USERNAME") : decodeURIComponent(url.username),
    password: url.password === "" ? settings.text("K6_INFLUXDB_PASSWORD") : decodeURIComponent(url.password),
  };
}

type FieldKind = "string" | "bool" | "float" | "int";

function fieldTags(list: readonly string[]): ReadonlyMap<string, FieldKind> {
  const kinds = new Map<string, FieldKind>();
  for (const entry of list) {
    const [tag, kind = "string"] = entry.split(":") as [string, string?];
    if (!["string", "bool", "float", "int"].includes(kind))
      throw new OutputSettingError(`K6_INFLUXDB_TAGS_AS_FIELDS: "${kind}" is none of string, bool, float, int`);
    kinds.set(tag, kind as FieldKind);
  }
  return kinds;
}

function tagText(entries: readonly (readonly [string, string])[], kinds: ReadonlyMap<string, FieldKind>) {
  let tags = "";
  let fields = "";
  for (const [key, value] of entries) {
    const kind = kinds.get(key);
    if (value === "") continue;
    if (kind === undefined) tags += `,${escaped(key)}=${escaped(value)}`;
    else fields += `${escaped(key)}=${fieldValue(value, kind)},`;
  }
  return { tags, fields };
}

/** Keys and values of tags: comma, equals sign and space; a line end would end the point. */
function escaped(text: string): string {
  return text
    .replace(/[,= ]/g, "\\$&")
    .replace(/[\r\n]/g, "\\ ")
    .replace(/\\$/, "\\\\ ");
}

function fieldValue(value: string, kind: FieldKind): string {
  if (kind === "int" && /^[+-]?\d+$/.test(value)) return `${value}i`;
  if (kind === "float" && value.trim() !== "" && Number.isFinite(Number(value))) return value;
  if (kind === "bool" && /^(true|false)$/i.test(value)) return value.toLowerCase();
  return `"${value.replace(/["\\]/g, "\\$&").replace(/[\r\n]/g, " ")}"`;
}
