import type { TagSets } from "../../samples.ts";

/** What a response adds to the tags of its request. */
export interface Outcome {
  /** 0: no response. */
  readonly status: number;
  readonly protocol: string;
  readonly tlsVersion: string;
  readonly error: string;
  readonly errorCode: number;
  /** Undefined: nobody asked. */
  readonly isExpected: boolean | undefined;
  readonly ip: string;
}

const MOST_NAMES = 4096;

/**
 * The tag sets of requests: each distinct request (tags so far, name, URL, method) has a small table from outcome to set, so
 * that a request that was seen before costs three lookups and no object.
 */
export class RequestTags {
  readonly #sets: TagSets;
  readonly #enabled: ReadonlySet<string>;
  readonly #withIp: boolean;
  /** By name, then by base set. Cleared when scripts make up a new URL for every request. */
  #names = new Map<string, Map<number, MethodTags[]>>();

  constructor(sets: TagSets, enabled: ReadonlySet<string>) {
    this.#sets = sets;
    this.#enabled = enabled;
    this.#withIp = enabled.has("ip");
  }

  /** `name`: the tag that the script gave, else undefined: then the URL is the name. */
  of(base: number, method: string, url: string, name: string | undefined, outcome: Outcome): number {
    const key = name ?? url;
    let bases = this.#names.get(key);
    if (bases === undefined) {
      if (this.#names.size >= MOST_NAMES) this.#names = new Map();
      bases = new Map();
      this.#names.set(key, bases);
    }
    let methods = bases.get(base);
    if (methods === undefined) {
      methods = [];
      bases.set(base, methods);
    }
    let known: MethodTags | undefined;
    for (const one of methods) if (one.method === method) known = one;
    if (known === undefined) {
      known = { method, sets: new Map(), errors: new Map() };
      methods.push(known);
    }
    const { status, protocol, tlsVersion, isExpected, error } = outcome;
    let set: number | undefined;
    if (error === "") {
      const expected = isExpected === undefined ? 0 : isExpected ? 1 : 2;
      const code = ((status * 4 + protocolNumber(protocol)) * 8 + tlsNumber(tlsVersion)) * 4 + expected;
      set = known.sets.get(code);
      if (set === undefined) {
        set = this.#make(base, method, key, outcome);
        known.sets.set(code, set);
      }
    } else {
      const code = `${outcome.errorCode} ${isExpected ?? ""} ${status} ${error}`;
      set = known.errors.get(code);
      if (set === undefined) {
        set = this.#make(base, method, key, outcome);
        if (known.errors.size < MOST_NAMES) known.errors.set(code, set);
      }
    }
    return this.#withIp && outcome.ip !== "" ? this.#sets.with(set, "ip", outcome.ip) : set;
  }

  #make(base: number, method: string, name: string, outcome: Outcome): number {
    let set = base;
    const add = (tag: string, value: string): void => {
      if (value !== "" && this.#enabled.has(tag)) set = this.#sets.with(set, tag, value);
    };
    add("method", method);
    add("url", name);
    // A name that the script gave is its own tag, whatever the system's are.
    if (this.#sets.get(base, "name") === undefined) add("name", name);
    add("status", String(outcome.status));
    add("proto", outcome.protocol);
    add("tls_version", outcome.tlsVersion);
    add("error", outcome.error);
    if (outcome.errorCode !== 0) add("error_code", String(outcome.errorCode));
    if (outcome.isExpected !== undefined) add("expected_response", String(outcome.isExpected));
    return set;
  }
}

interface MethodTags {
  readonly method: string;
  readonly sets: Map<number, number>;
  readonly errors: Map<string, number>;
}

function protocolNumber(protocol: string): number {
  return protocol === "HTTP/1.1" ? 1 : protocol === "HTTP/2.0" ? 2 : protocol === "HTTP/1.0" ? 3 : 0;
}

function tlsNumber(version: string): number {
  return version === "" ? 0 : version === "tls1.3" ? 1 : version === "tls1.2" ? 2 : version === "tls1.1" ? 3 : 4;
}
