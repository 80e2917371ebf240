/** Where a URL leads: interned, so that an Origin's identity is its key. */
export interface Target {
  readonly origin: Origin;
  /** `/path?query`. */
  readonly path: string;
}

export interface Origin {
  readonly isSecure: boolean;
  /** As DNS and TLS want it: no brackets around an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** The value of `Host`: the port only when it is not the scheme's own. */
  readonly authority: string;
}

/** Parsed URLs kept: scripts that make up a new one for each request must not fill the memory. */
const MOST_TARGETS = 4096;

export class Targets {
  readonly #targets = new Map<string, Target>();
  readonly #origins = new Map<string, Origin>();

  /** Undefined: no `http:` or `https:` URL. */
  of(url: string): Target | undefined {
    const known = this.#targets.get(url);
    if (known !== undefined) return known;
    if (!URL.canParse(url)) return undefined;
    const parsed = new URL(url);
    const isSecure = parsed.protocol === "https:";
    if (!isSecure && parsed.protocol !== "http:") return undefined;
    const target: Target = { origin: this.#origin(parsed, isSecure), path: `${parsed.pathname}${parsed.search}` };
    if (this.#targets.size >= MOST_TARGETS) this.#targets.clear();
    this.#targets.set(url, target);
    return target;
  }

  #origin(url: URL, isSecure: boolean): Origin {
    const key = `${url.protocol}//${url.host}`;
    const known = this.#origins.get(key);
    if (known !== undefined) return known;
    const { hostname } = url;
    const origin: Origin = {
      isSecure,
      host: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
      port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
      authority: url.host,
    };
    this.#origins.set(key, origin);
    return origin;
  }
}
