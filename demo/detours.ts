/** Ports that lead to the shop's parts by way of a fault proxy. Without one, everybody is reached directly. */
export interface Detours {
  /** Makes the way to what listens on `port`. Its name is the proxy's. */
  lead(name: string, port: number): Promise<void>;
  portOf(name: string, port: number): number;
}

/** @param api of a fault proxy, `http://127.0.0.1:8474` */
export function openDetours(api: string | undefined): Detours {
  if (api === undefined) return { lead: async () => undefined, portOf: (_, port) => port };
  const url = api.replace(/\/+$/, "");
  const ports = new Map<string, number>();
  const call = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${url}${path}`, {
      method,
      headers: { "user-agent": "traceo-shop" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      throw new Error(`no fault proxy answers at ${url}: start one with \`traceo chaos proxy\``, { cause: error });
    });
  return {
    lead: async (name, port) => {
      // One of an earlier shop leads to a port that is gone.
      await call("DELETE", `/proxies/${name}`);
      const response = await call("POST", "/proxies", { name, listen: "127.0.0.1:0", upstream: `127.0.0.1:${port}` });
      const made = (await response.json()) as { listen?: string; error?: string };
      if (made.listen === undefined) throw new Error(`the fault proxy made no way to ${name}: ${made.error}`);
      ports.set(name, Number(made.listen.slice(made.listen.lastIndexOf(":") + 1)));
    },
    portOf: (name, port) => ports.get(name) ?? port,
  };
}
