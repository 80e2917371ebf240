import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describeError, Failure } from "#runtime/failure.ts";
import { serveApi } from "./proxy/api.ts";
import { isLoopback, ProxyCollection, type ProxyRequest } from "./proxy/collection.ts";

export interface FaultProxiesOptions {
  /** Where the API listens (default 127.0.0.1:8474, Toxiproxy's port). */
  readonly host?: string;
  readonly port?: number;
  /** Lets the API and the proxies listen beyond loopback: whoever reaches the API may open ports and cut connections. */
  readonly allowRemote?: boolean;
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Proxies to begin with. */
  readonly proxies?: readonly ProxyRequest[];
}

export interface FaultProxies extends AsyncDisposable {
  /** `http://127.0.0.1:8474` */
  readonly url: string;
  /** Name and address of each proxy now. */
  list(): readonly {
    readonly name: string;
    readonly listen: string;
    readonly upstream: string;
    readonly enabled: boolean;
  }[];
}

/**
 * TCP proxies that inject faults, steered through Toxiproxy's HTTP API. Throws "port-in-use" when the API's or a proxy's
 * address is taken, "config-invalid" for an address beyond loopback that was not allowed.
 */
export async function openFaultProxies(options: FaultProxiesOptions): Promise<FaultProxies> {
  const host = options.host ?? "127.0.0.1";
  if (options.allowRemote !== true && !isLoopback(host))
    throw new Failure(
      "config-invalid",
      `${host} is not loopback: whoever reaches the fault proxy's API may cut connections.`,
      {
        remedy: "Listen on 127.0.0.1, or say --remote.",
      },
    );
  const proxies = new ProxyCollection(options);
  const server = createServer((request, response) => {
    serveApi(proxies, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`${describeError(error)}\n`);
    });
  });
  server.requestTimeout = 10_000;
  try {
    for (const request of options.proxies ?? []) await proxies.add(request);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port: options.port ?? 8474 }, resolve);
    });
  } catch (error) {
    await proxies.dispose();
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE")
      throw new Failure("port-in-use", describeError(error), { cause: error });
    throw error;
  }
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${port}`,
    list: () => proxies.list().map(({ name, listen, upstream, enabled }) => ({ name, listen, upstream, enabled })),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await proxies.dispose();
      await closed;
    },
  };
}
