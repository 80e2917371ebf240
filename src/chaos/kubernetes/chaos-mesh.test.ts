import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Fault, KubernetesFault } from "../fault/fault.ts";
import { removeFault } from "../injector/removal.ts";
import { chaosMeshFault } from "./chaos-mesh.ts";

/**
 * The contract with Chaos Mesh, against a stand-in of the Kubernetes API that answers over HTTP as an API server with Chaos
 * Mesh's controller does: conditions come later than the object, and a deleted object stays (its finalizer) until its targets
 * have recovered.
 */
interface Kept {
  readonly body: { readonly metadata: { readonly name: string }; readonly spec: object };
  looks: number;
  deletedAfterLooks: number | undefined;
}

let server: Server;
let directory: string;
let objects: Map<string, Kept>;
let calls: string[];
let selects: boolean;
const before = process.env["KUBECONFIG"];

beforeEach(async () => {
  objects = new Map();
  calls = [];
  selects = true;
  server = createServer((request, response) => {
    const answer = (status: number, document: object): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
    const problem = (status: number, reason: string, message: string): void =>
      answer(status, { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code: status });
    calls.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    const match = /^\/apis\/chaos-mesh\.org\/v1alpha1\/namespaces\/([a-z]+)\/([a-z]+)(?:\/([^/?]+))?/.exec(
      request.url ?? "",
    );
    if (match === null || match[2] === "iochaos")
      return problem(404, "NotFound", "the server could not find the requested resource");
    if (match[1] === "closed") return problem(403, "Forbidden", 'User "traceo" cannot create resource');
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.method === "POST") {
        const body = JSON.parse(Buffer.concat(parts).toString()) as Kept["body"];
        objects.set(`${match[1]}/${match[2]}/${body.metadata.name}`, { body, looks: 0, deletedAfterLooks: undefined });
        return answer(201, body);
      }
      const key = `${match[1]}/${match[2]}/${match[3]}`;
      const kept = objects.get(key);
      if (kept === undefined) return problem(404, "NotFound", `${match[3]} not found`);
      if (request.method === "DELETE") {
        kept.deletedAfterLooks ??= kept.looks + 2;
        return answer(200, kept.body);
      }
      kept.looks++;
      if (kept.deletedAfterLooks !== undefined && kept.looks > kept.deletedAfterLooks) {
        objects.delete(key);
        return problem(404, "NotFound", `${match[3]} not found`);
      }
      const conditions =
        kept.looks < 2
          ? []
          : [
              selects
                ? { type: "Selected", status: "True" }
                : { type: "Selected", status: "False", reason: "no pod is selected" },
              { type: "AllInjected", status: kept.looks < 3 ? "False" : "True" },
            ];
      answer(200, { ...kept.body, status: { conditions } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  directory = mkdtempSync(join(tmpdir(), "traceo-kube-"));
  const file = join(directory, "config");
  const { port } = server.address() as { port: number };
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token: "secret-token" } }],
      contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
    }),
  );
  process.env["KUBECONFIG"] = file;
});
afterEach(async () => {
  if (before === undefined) delete process.env["KUBECONFIG"];
  else process.env["KUBECONFIG"] = before;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

const selector = { namespaces: ["shop"], labelSelectors: { app: "cart" } };

function fault(kind: string, spec: KubernetesFault["spec"], more: Partial<KubernetesFault> = {}): Fault {
  return {
    id: "abc123",
    experiment: "the experiment",
    name: "the fault",
    spec: { type: "kubernetes", kind, namespace: "shop", spec, ...more },
    createdMs: Date.now(),
    deadlineMs: Date.now() + 90_000,
    owner: { pid: process.pid, started: "" },
  };
}

const never = new AbortController().signal;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

describe("Chaos Mesh", () => {
  it.each([
    [
      "NetworkChaos",
      "networkchaos",
      { action: "loss", mode: "all", selector, loss: { loss: "50", correlation: "0" }, direction: "both" },
    ],
    ["StressChaos", "stresschaos", { mode: "one", selector, stressors: { cpu: { workers: 1, load: 80 } } }],
    ["PodChaos", "podchaos", { action: "pod-failure", mode: "fixed-percent", value: "50", selector }],
    ["TimeChaos", "timechaos", { mode: "one", selector, timeOffset: "-10m" }],
    ["HTTPChaos", "httpchaos", { mode: "all", selector, target: "Request", port: 80, abort: true }],
  ] as const)("makes, watches and removes a %s", async (kind, plural, spec) => {
    const given = fault(kind, spec);
    await chaosMeshFault.inject(given, never);
    const kept = objects.get(`shop/${plural}/traceo-abc123`);
    expect(kept?.body).toEqual({
      apiVersion: "chaos-mesh.org/v1alpha1",
      kind,
      metadata: {
        name: "traceo-abc123",
        namespace: "shop",
        labels: { "app.kubernetes.io/managed-by": "traceo" },
        annotations: { "traceo/experiment": "the experiment", "traceo/fault": "the fault" },
      },
      // What is left of the fault's time: the controller ends it when all of us are gone.
      spec: { ...spec, duration: expect.stringMatching(/^(89|90)s$/) },
    });
    expect(calls[0]).toBe(`POST /apis/chaos-mesh.org/v1alpha1/namespaces/shop/${plural} Bearer secret-token`);
    expect(await chaosMeshFault.isInjected(given)).toBe(false);
    await until(() => chaosMeshFault.isInjected(given));
    expect(kept?.looks).toBe(3);
    await chaosMeshFault.remove(given);
    expect(await chaosMeshFault.isRemoved(given)).toBe(false);
    await removeFault(given, 60_000);
    expect(objects.size).toBe(0);
    // Again, as a replay would.
    await removeFault(given, 60_000);
  });

  it("gives a pod that is killed at once no duration", async () => {
    await chaosMeshFault.inject(fault("PodChaos", { action: "pod-kill", mode: "one", selector }), never);
    expect([...objects.values()][0]?.body.spec).not.toHaveProperty("duration");
  });

  it("says what is wrong: no Chaos Mesh, no rights, nothing selected, no such context", async () => {
    await expect(chaosMeshFault.inject(fault("IOChaos", {}), never)).rejects.toMatchObject({
      message: "Kubernetes: could not create IOChaos in shop: the server could not find the requested resource",
      remedy: "Install Chaos Mesh in the cluster.",
    });
    await expect(chaosMeshFault.inject(fault("PodChaos", {}, { namespace: "closed" }), never)).rejects.toMatchObject({
      message: expect.stringContaining("cannot create resource"),
      remedy: "Allow it: create, get and delete on chaos-mesh.org objects.",
    });
    selects = false;
    const nobody = fault("PodChaos", { action: "pod-failure", mode: "one", selector });
    await chaosMeshFault.inject(nobody, never);
    await expect(until(() => chaosMeshFault.isInjected(nobody))).rejects.toThrow(
      "traceo-abc123 selects nothing: no pod is selected",
    );
    await expect(chaosMeshFault.inject(fault("PodChaos", {}, { context: "other" }), never)).rejects.toMatchObject({
      code: "config-invalid",
      message: "The kubeconfig has no context `other`.",
    });
  });
});
