import { CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import { describeError, Failure } from "#runtime/failure.ts";
import type { Fault, FaultHandler, KubernetesFault } from "../fault/fault.ts";
import { isOneShot, PLURALS } from "./kinds.ts";

/**
 * Objects of Chaos Mesh (https://chaos-mesh.org, API chaos-mesh.org/v1alpha1): made, watched by their conditions, and deleted,
 * which recovers the targets before the object goes. `duration` is set to what is left of the fault's time, so that Chaos
 * Mesh's own controller ends it when all of us are gone.
 */
const GROUP = "chaos-mesh.org";
const VERSION = "v1alpha1";

interface ChaosObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
    readonly experiment?: { readonly containerRecords?: readonly unknown[] };
  };
}

export const chaosMeshFault: FaultHandler = {
  inject: async (fault) => {
    const spec = specOf(fault);
    await call(fault, `create ${spec.kind} in ${spec.namespace}`, async (api, where) => {
      await api.createNamespacedCustomObject({ ...where, body: chaosObject(fault, Date.now()) });
    });
  },
  remove: async (fault) => {
    await call(fault, `delete ${specOf(fault).kind} ${objectName(fault)}`, async (api, where) => {
      await ignoreMissing(() => api.deleteNamespacedCustomObject({ ...where, name: objectName(fault) }));
    });
  },
  isInjected: async (fault) => {
    const object = await get(fault);
    const selected = condition(object, "Selected");
    if (selected?.status === "False" && selected.reason !== undefined && selected.reason !== "")
      throw new Failure("not-found", `${objectName(fault)} selects nothing: ${selected.reason}`, {
        remedy: "Correct the selector in the experiment's file.",
      });
    return condition(object, "AllInjected")?.status === "True";
  },
  isRemoved: async (fault) => (await get(fault)) === undefined,
};

/** The object to create, as a plain value. */
export function chaosObject(fault: Fault, nowMs: number): object {
  const spec = specOf(fault);
  const seconds = Math.max(1, Math.ceil((fault.deadlineMs - nowMs) / 1000));
  return {
    apiVersion: `${GROUP}/${VERSION}`,
    kind: spec.kind,
    metadata: {
      name: objectName(fault),
      namespace: spec.namespace,
      labels: { "app.kubernetes.io/managed-by": "traceo" },
      annotations: { "traceo/experiment": fault.experiment, "traceo/fault": fault.name },
    },
    spec: isOneShot(spec.kind, spec.spec) ? spec.spec : { ...spec.spec, duration: `${seconds}s` },
  };
}

const objectName = (fault: Fault): string => `traceo-${fault.id}`;
const specOf = (fault: Fault): KubernetesFault => fault.spec as KubernetesFault;

async function get(fault: Fault): Promise<ChaosObject | undefined> {
  return await call(fault, `read ${specOf(fault).kind} ${objectName(fault)}`, (api, where) =>
    ignoreMissing(
      async () => (await api.getNamespacedCustomObject({ ...where, name: objectName(fault) })) as ChaosObject,
    ),
  );
}

function condition(
  object: ChaosObject | undefined,
  type: string,
): { readonly status: string; readonly reason?: string } | undefined {
  return object?.status?.conditions?.find((each) => each.type === type);
}

interface Where {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
}

async function call<T>(
  fault: Fault,
  what: string,
  action: (api: CustomObjectsApi, where: Where) => Promise<T>,
): Promise<T> {
  const { context, kind, namespace } = specOf(fault);
  const config = new KubeConfig();
  config.loadFromDefault();
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw new Failure("config-invalid", `The kubeconfig has no context \`${context}\`.`, {
        remedy: "Correct `context` in the experiment's file, or KUBECONFIG.",
      });
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null)
    throw new Failure("config-invalid", "No Kubernetes cluster is configured.", {
      remedy: "Set KUBECONFIG, or run inside a cluster.",
    });
  const api = config.makeApiClient(CustomObjectsApi);
  try {
    return await action(api, {
      group: GROUP,
      version: VERSION,
      namespace,
      plural: PLURALS[kind] ?? kind.toLowerCase(),
    });
  } catch (error) {
    const code = codeOf(error);
    throw new Failure(
      code === undefined ? "unavailable" : "bad-request",
      `Kubernetes: could not ${what}: ${reasonOf(error)}`,
      {
        cause: error,
        remedy:
          code === 404
            ? "Install Chaos Mesh in the cluster."
            : code === 403 || code === 401
              ? "Allow it: create, get and delete on chaos-mesh.org objects."
              : "See the message; `kubectl get crd` lists what the cluster knows.",
      },
    );
  }
}

async function ignoreMissing<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (codeOf(error) === 404) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === "number" ? code : undefined;
}

function reasonOf(error: unknown): string {
  const body = (error as { body?: unknown }).body;
  if (typeof body !== "string") return describeError(error);
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body.slice(0, 500);
  }
}
