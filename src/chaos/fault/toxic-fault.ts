import { Failure, isFailure } from "#runtime/failure.ts";
import type { DownFault, Fault, FaultHandler, ToxicFault } from "./fault.ts";

/** How long our own proxy keeps a fault that nobody renews. */
const TTL_MS = 10_000;
const CALL_MS = 5_000;

const toxicName = (fault: Fault): string => `traceo-${fault.id}`;

export const toxicFault: FaultHandler = {
  inject: async (fault) => {
    const { toxic } = fault.spec as ToxicFault;
    await call(fault, "POST", "/toxics", { name: toxicName(fault), ...toxic, ttl_ms: TTL_MS });
  },
  renew: async (fault) => {
    // Toxiproxy itself would throw its dice anew at each update.
    if (await isOurs(fault)) await call(fault, "PATCH", `/toxics/${toxicName(fault)}`, { ttl_ms: TTL_MS });
  },
  remove: async (fault) => {
    await unlessGone(() => call(fault, "DELETE", `/toxics/${toxicName(fault)}`, undefined, [404]));
  },
  isInjected: async (fault) => (await find(fault)) !== undefined,
  isRemoved: async (fault) => (await unlessGone(() => find(fault))) === undefined,
};

export const downFault: FaultHandler = {
  inject: async (fault) => {
    if (!(await isEnabled(fault)))
      throw new Failure("conflict", `proxy ${(fault.spec as DownFault).proxy} is down already.`, {
        remedy: "Enable it first: an experiment undoes only what it did.",
      });
    await call(fault, "POST", "", { enabled: false, ttl_ms: TTL_MS });
  },
  renew: async (fault) => {
    if (await isOurs(fault)) await call(fault, "PATCH", "", { enabled: false, ttl_ms: TTL_MS });
  },
  remove: async (fault) => {
    await unlessGone(() => call(fault, "POST", "", { enabled: true }, [404]));
  },
  isInjected: async (fault) => !(await isEnabled(fault)),
  isRemoved: async (fault) => (await unlessGone(() => isEnabled(fault))) !== false,
};

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

async function find(fault: Fault): Promise<unknown> {
  const response = await call(fault, "GET", `/toxics/${toxicName(fault)}`, undefined, [404]);
  return response.status === 404 ? undefined : await response.json();
}

/** A proxy that is gone refuses nothing of ours any more. */
async function isEnabled(fault: Fault): Promise<boolean> {
  const response = await call(fault, "GET", "", undefined, [404]);
  return response.status === 404 || ((await response.json()) as { enabled: boolean }).enabled;
}

async function isOurs(fault: Fault): Promise<boolean> {
  const response = await call(fault, "GET", "", undefined, [404]);
  await response.body?.cancel();
  return response.headers.get("x-traceo-fault-proxy") !== null;
}

async function call(
  fault: Fault,
  method: string,
  path: string,
  body?: object,
  alsoFine: readonly number[] = [],
): Promise<Response> {
  const { api, proxy } = fault.spec as ToxicFault | DownFault;
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
