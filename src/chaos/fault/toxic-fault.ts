import { Failure, isFailure } from "#runtime/failure.ts";
import type { DownFault, Fault, FaultHandler, ToxicFault } from "./fault.ts";

/** How long our own proxy keeps a fault that nobody renews. */
const TTL_MS = 10_000;
const CALL_MS = 5_000;

const toxicName = (fault: Fault, stream: string): string => `traceo-${fault.id}-${stream}`;

/** Every proxy and direction of the fault. */
function toxicsOf(fault: Fault): readonly { readonly proxy: string; readonly stream: string; readonly path: string }[] {
  const { proxies, streams } = fault.spec as ToxicFault;
  return proxies.flatMap((proxy) =>
    streams.map((stream) => ({ proxy, stream, path: `/toxics/${toxicName(fault, stream)}` })),
  );
}

export const toxicFault: FaultHandler = {
  inject: async (fault) => {
    const { toxic } = fault.spec as ToxicFault;
    for (const { proxy, stream } of toxicsOf(fault))
      await call(fault, proxy, "POST", "/toxics", { name: toxicName(fault, stream), stream, ...toxic, ttl_ms: TTL_MS });
  },
  renew: async (fault) => {
    // Toxiproxy itself would throw its dice anew at each update.
    for (const { proxy, path } of toxicsOf(fault))
      if (await isOurs(fault, proxy)) await call(fault, proxy, "PATCH", path, { ttl_ms: TTL_MS });
  },
  remove: async (fault) => {
    for (const { proxy, path } of toxicsOf(fault))
      await unlessGone(() => call(fault, proxy, "DELETE", path, undefined, [404]));
  },
  isInjected: async (fault) => (await foundOf(fault)).every((found) => found),
  isRemoved: async (fault) => (await foundOf(fault)).every((found) => !found),
};

async function foundOf(fault: Fault): Promise<readonly boolean[]> {
  return await Promise.all(
    toxicsOf(fault).map(async ({ proxy, path }) => {
      const response = await unlessGone(() => call(fault, proxy, "GET", path, undefined, [404]));
      await response?.body?.cancel();
      return response?.status === 200;
    }),
  );
}

export const downFault: FaultHandler = {
  inject: async (fault) => {
    const { proxies } = fault.spec as DownFault;
    for (const proxy of proxies)
      if (!(await isEnabled(fault, proxy)))
        throw new Failure("conflict", `proxy ${proxy} is down already.`, {
          remedy: "Enable it first: an experiment undoes only what it did.",
        });
    for (const proxy of proxies) await call(fault, proxy, "POST", "", { enabled: false, ttl_ms: TTL_MS });
  },
  renew: async (fault) => {
    for (const proxy of (fault.spec as DownFault).proxies)
      if (await isOurs(fault, proxy)) await call(fault, proxy, "PATCH", "", { enabled: false, ttl_ms: TTL_MS });
  },
  remove: async (fault) => {
    for (const proxy of (fault.spec as DownFault).proxies)
      await unlessGone(() => call(fault, proxy, "POST", "", { enabled: true }, [404]));
  },
  isInjected: async (fault) => (await enabledOf(fault)).every((enabled) => !enabled),
  isRemoved: async (fault) => (await enabledOf(fault)).every((enabled) => enabled),
};

async function enabledOf(fault: Fault): Promise<readonly boolean[]> {
  return await Promise.all(
    (fault.spec as DownFault).proxies.map(async (proxy) => (await unlessGone(() => isEnabled(fault, proxy))) ?? true),
  );
}

/** A proxy program that has ended took its faults with it: nothing listens there any more. */
async function unlessGone<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (isFailure(error, "unavailable") && isRefused(error.cause)) return undefined;
    throw error;
  }
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.some((each: unknown) => (each as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED");
}

/** A proxy that is gone refuses nothing of ours any more. */
async function isEnabled(fault: Fault, proxy: string): Promise<boolean> {
  const response = await call(fault, proxy, "GET", "", undefined, [404]);
  return response.status === 404 || ((await response.json()) as { enabled: boolean }).enabled;
}

async function isOurs(fault: Fault, proxy: string): Promise<boolean> {
  const response = await call(fault, proxy, "GET", "", undefined, [404]);
  await response.body?.cancel();
  return response.headers.get("x-traceo-fault-proxy") !== null;
}

async function call(
  fault: Fault,
  proxy: string,
  method: string,
  path: string,
  body?: object,
  alsoFine: readonly number[] = [],
): Promise<Response> {
  const { api } = fault.spec as ToxicFault | DownFault;
  const url = `${api.replace(/\/+$/, "")}/proxies/${encodeURIComponent(proxy)}${path}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(CALL_MS),
      headers: { "user-agent": "traceo", "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new Failure("unavailable", `No fault proxy answers at ${api}.`, {
      cause: error,
      remedy: "Start one with `traceo chaos proxy`, or correct the fault's `api`.",
    });
  }
  if (!response.ok && !alsoFine.includes(response.status))
    throw new Failure(
      "bad-request",
      `${method} ${url} answered ${response.status}: ${(await response.text()).trim()}`,
      {
        remedy: "Correct the fault in the experiment's file.",
      },
    );
  return response;
}
