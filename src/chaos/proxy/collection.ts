import { isIP } from "node:net";
import { Failure } from "#runtime/failure.ts";
import { FaultProxy, type ProxyContext } from "./fault-proxy.ts";
import { toxicDocument } from "./toxic.ts";

const MOST_PROXIES = 1000;

export interface CollectionOptions {
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Without it proxies listen on loopback only. */
  readonly allowRemote?: boolean;
}

export interface ProxyRequest {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
}

/** The proxies by name. */
export class ProxyCollection {
  readonly #context: ProxyContext;
  readonly #proxies = new Map<string, FaultProxy>();

  constructor(options: CollectionOptions) {
    this.#context = {
      random: options.random,
      nowMs: options.nowMs,
      checkListen: (host) => {
        if (options.allowRemote === true || isLoopback(host)) return;
        throw new Failure(
          "bad-request",
          `listen ${host}: this proxy listens on loopback only (start it with --remote)`,
        );
      },
    };
  }

  /** By name. */
  list(): readonly FaultProxy[] {
    return [...this.#proxies.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): FaultProxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new Failure("not-found", "proxy not found");
    return proxy;
  }

  async add(request: ProxyRequest): Promise<FaultProxy> {
    if (this.#proxies.has(request.name)) throw new Failure("conflict", "proxy already exists");
    if (this.#proxies.size >= MOST_PROXIES) throw new Failure("conflict", `more than ${MOST_PROXIES} proxies`);
    const proxy = new FaultProxy(request.name, request.listen, request.upstream, this.#context);
    // Its name is taken while it starts, so that of two requests at once one gets the conflict.
    this.#proxies.set(proxy.name, proxy);
    try {
      if (request.enabled) await proxy.start();
    } catch (error) {
      this.#proxies.delete(proxy.name);
      throw error;
    }
    return proxy;
  }

  /** One that is there with the same addresses stays as it is, with its toxics. */
  async addOrReplace(request: ProxyRequest): Promise<FaultProxy> {
    const existing = this.#proxies.get(request.name);
    if (existing === undefined) return this.add(request);
    if (existing.listen === request.listen && existing.upstream === request.upstream) return existing;
    await existing.dispose();
    this.#proxies.delete(request.name);
    return this.add(request);
  }

  async remove(name: string): Promise<void> {
    const proxy = this.get(name);
    this.#proxies.delete(name);
    await proxy.dispose();
  }

  /** All proxies up, all toxics gone. */
  async reset(): Promise<void> {
    for (const proxy of this.list()) {
      await proxy.start();
      proxy.removeToxics();
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.list().map((proxy) => proxy.dispose()));
    this.#proxies.clear();
  }
}

/** As Toxiproxy prints one. */
export function proxyDocument(proxy: FaultProxy): object {
  return {
    name: proxy.name,
    listen: proxy.listen,
    upstream: proxy.upstream,
    enabled: proxy.enabled,
    toxics: proxy.toxics.map(toxicDocument),
  };
}

export function isLoopback(host: string): boolean {
  if (host === "" || host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
