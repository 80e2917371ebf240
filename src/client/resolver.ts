import { type LookupAddress, lookup } from "node:dns";
import { type BlockList, isIP } from "node:net";
import { isInRange, parseRanges } from "./address-range.ts";
import type { HttpClientSettings } from "./client-settings.ts";
import { ExchangeError, FAILURE_CODE } from "./failure-code.ts";

export interface Address {
  readonly ip: string;
  readonly port: number;
}

/** Asks the system; tests give another. */
export type Lookup = (host: string) => Promise<readonly LookupAddress[]>;

const systemLookup: Lookup = (host) =>
  new Promise((resolve, reject) => {
    lookup(host, { all: true, verbatim: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses);
    });
  });

interface Known {
  readonly addresses: readonly LookupAddress[];
  readonly untilMs: number;
}

/**
 * Host and port to an address, as k6 has it: blocked host names first, then the `hosts` map (exact with port, exact, the
 * longest wildcard), then DNS with its answers kept for the time to live; blocked ranges last.
 */
export class Resolver {
  readonly #settings: HttpClientSettings;
  readonly #lookup: Lookup;
  readonly #blocked: BlockList;
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<readonly LookupAddress[]>>();
  #turn = 0;

  constructor(settings: HttpClientSettings, lookup: Lookup = systemLookup) {
    this.#settings = settings;
    this.#lookup = lookup;
    this.#blocked = parseRanges(settings.blockedRanges);
  }

  /** Throws ExchangeError for what is blocked, and what the system's resolver says. */
  async resolve(host: string, port: number): Promise<Address> {
    const pattern = longestMatch(this.#settings.blockedHostnames, host);
    if (pattern !== undefined)
      throw new ExchangeError(FAILURE_CODE.blockedHostname, `hostname (${host}) is in a blocked pattern (${pattern})`);
    const mapped = this.#mapped(host, port);
    const name = mapped?.host ?? host;
    const ip = isIP(name) === 0 ? this.#select(await this.#addresses(name)) : name;
    if (isInRange(this.#blocked, ip))
      throw new ExchangeError(FAILURE_CODE.blockedRange, `IP (${ip}) is in a blacklisted range (${this.#rangeOf(ip)})`);
    return { ip, port: mapped?.port ?? port };
  }

  #mapped(host: string, port: number): { readonly host: string; readonly port: number | undefined } | undefined {
    const { hosts } = this.#settings;
    const name = host.toLowerCase();
    const key = Object.hasOwn(hosts, `${name}:${port}`)
      ? `${name}:${port}`
      : Object.hasOwn(hosts, name)
        ? name
        : longestMatch(Object.keys(hosts), name);
    return key === undefined ? undefined : splitAddress(hosts[key]!);
  }

  async #addresses(host: string): Promise<readonly LookupAddress[]> {
    const known = this.#known.get(host);
    if (known !== undefined && known.untilMs > performance.now()) return known.addresses;
    const underWay = this.#underWay.get(host);
    if (underWay !== undefined) return await underWay;
    const asked = this.#lookup(host);
    this.#underWay.set(host, asked);
    try {
      const addresses = this.#preferred(await asked);
      if (addresses.length === 0) throw new ExchangeError(FAILURE_CODE.noSuchHost, "lookup: no such host");
      this.#known.set(host, { addresses, untilMs: performance.now() + this.#settings.dnsTtlMs });
      return addresses;
    } finally {
      this.#underWay.delete(host);
    }
  }

  #preferred(all: readonly LookupAddress[]): readonly LookupAddress[] {
    const four = all.filter(({ family }) => family === 4);
    const six = all.filter(({ family }) => family === 6);
    switch (this.#settings.dnsPolicy) {
      case "onlyIPv4":
        return four;
      case "onlyIPv6":
        return six;
      case "preferIPv4":
        return four.length > 0 ? four : six;
      case "preferIPv6":
        return six.length > 0 ? six : four;
      default:
        return all;
    }
  }

  #select(addresses: readonly LookupAddress[]): string {
    const { dnsSelect } = this.#settings;
    // Which of a few addresses: the clock's fraction is random enough and needs no generator.
    const turn =
      dnsSelect === "first" ? 0 : dnsSelect === "roundRobin" ? this.#turn++ : Math.floor(performance.now() * 1000);
    return addresses[turn % addresses.length]!.address;
  }

  #rangeOf(ip: string): string {
    return this.#settings.blockedRanges.find((range) => isInRange(parseRanges([range]), ip)) ?? "";
  }
}

/** The longest of `patterns` that names `host`: itself, or `*.rest` for everything below `rest`. */
export function longestMatch(patterns: readonly string[], host: string): string | undefined {
  const name = host.toLowerCase();
  let best: string | undefined;
  for (const pattern of patterns) {
    const lower = pattern.toLowerCase();
    const fits = lower.startsWith("*") ? name.endsWith(lower.slice(1)) && name.length >= lower.length : name === lower;
    if (fits && (best === undefined || pattern.length > best.length)) best = pattern;
  }
  return best;
}

function splitAddress(text: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match !== null) return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
  return { host: text.startsWith("[") ? text.slice(1, -1) : text, port: undefined };
}
