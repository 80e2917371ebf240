/**
 * Chaos Mesh's objects against a real API server with Chaos Mesh's own definitions (their schemas checked by it): Kubernetes'
 * server of custom resources over etcd, built from their Go modules. There are no nodes and no controller; its part (conditions,
 * the finalizer) is played here.
 */
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ApiextensionsV1Api,
  CustomObjectsApi,
  KubeConfig,
  type V1CustomResourceDefinition,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Fault } from "../../src/chaos/fault/fault.ts";
import { removeFault } from "../../src/chaos/injector/removal.ts";
import { chaosMeshFault } from "../../src/chaos/kubernetes/chaos-mesh.ts";
import { PLURALS } from "../../src/chaos/kubernetes/kinds.ts";
import { buildGo, NotToBeHad, startSender } from "./sdk-sender.ts";

const CHAOS_MESH = "github.com/chaos-mesh/chaos-mesh@v0.9.1-0.20260902003049-47411975a8cb";

let absence: string | undefined;
let folder: string;
let server: ChildProcess | undefined;
let objects: CustomObjectsApi;
const before = process.env["KUBECONFIG"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "traceo-kubernetes-"));
  let definitions: string;
  let program: string;
  try {
    program = await buildGo("chaos-kubernetes");
    const said = execFileSync("go", ["mod", "download", "-json", CHAOS_MESH], { encoding: "utf8", cwd: folder });
    definitions = join((JSON.parse(said) as { Dir: string }).Dir, "config/crd/bases");
  } catch (error) {
    absence = error instanceof NotToBeHad || error instanceof Error ? error.message : String(error);
    return;
  }
  server = await startSender(program, [folder], "ready ");
  const [, url, token] = readFileSync(join(folder, "ready"), "utf8").trim().split(" ");
  const file = join(folder, "kubeconfig");
  writeFileSync(
    file,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "t",
      clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token } }],
      contexts: [{ name: "t", context: { cluster: "c", user: "u" } }],
    }),
  );
  process.env["KUBECONFIG"] = file;
  const config = new KubeConfig();
  config.loadFromDefault();
  objects = config.makeApiClient(CustomObjectsApi);
  const extensions = config.makeApiClient(ApiextensionsV1Api);
  for (const plural of Object.values(PLURALS)) {
    const body = parse(
      readFileSync(join(definitions, `chaos-mesh.org_${plural}.yaml`), "utf8"),
    ) as V1CustomResourceDefinition;
    const name = body.metadata!.name!;
    await extensions.createCustomResourceDefinition({ body });
    const isEstablished = async (): Promise<boolean> =>
      (await extensions.readCustomResourceDefinition({ name })).status?.conditions?.some(
        ({ type, status }) => type === "Established" && status === "True",
      ) === true;
    while (!(await isEstablished())) await new Promise((resolve) => setImmediate(resolve));
  }
});
afterAll(() => {
  server?.kill("SIGKILL");
  if (before === undefined) delete process.env["KUBECONFIG"];
  else process.env["KUBECONFIG"] = before;
  rmSync(folder, { recursive: true, force: true });
});

const selector = { namespaces: ["shop"], labelSelectors: { app: "cart" } };

function fault(kind: string, spec: Readonly<Record<string, unknown>>): Fault {
  return {
    id: `${kind.toLowerCase()}1`,
    experiment: "interop",
    name: kind,
    spec: { type: "kubernetes", kind, namespace: "shop", spec },
    createdMs: Date.now(),
    deadlineMs: Date.now() + 60_000,
    owner: { pid: process.pid, started: "" },
  };
}

type Stored = { metadata: { finalizers?: string[] }; spec: object; status?: object };

const CASES: readonly (readonly [kind: string, spec: Readonly<Record<string, unknown>>])[] = [
  ["NetworkChaos", { action: "loss", mode: "all", selector, loss: { loss: "50", correlation: "0" }, direction: "to" }],
  ["StressChaos", { mode: "one", selector, stressors: { cpu: { workers: 2, load: 80 } } }],
  ["PodChaos", { action: "pod-failure", mode: "fixed-percent", value: "50", selector }],
  ["IOChaos", { action: "latency", mode: "one", selector, volumePath: "/data", delay: "100ms", percent: 50 }],
  ["TimeChaos", { mode: "one", selector, timeOffset: "-10m" }],
  ["HTTPChaos", { mode: "all", selector, target: "Request", port: 80, abort: true }],
];

describe("a real Kubernetes API server with Chaos Mesh's definitions", () => {
  it.for(CASES)("takes, keeps and gives up a %s", async ([kind, spec], { skip }) => {
    skip(absence !== undefined, absence ?? "");
    const given = fault(kind, spec);
    await chaosMeshFault.inject(given, new AbortController().signal);
    const where = {
      group: "chaos-mesh.org",
      version: "v1alpha1",
      namespace: "shop",
      plural: PLURALS[kind]!,
      name: `traceo-${given.id}`,
    };
    const read = async (): Promise<Stored> => (await objects.getNamespacedCustomObject(where)) as Stored;
    expect((await read()).spec).toMatchObject({ ...spec, duration: expect.stringMatching(/^\d+s$/) });
    expect(await chaosMeshFault.isInjected(given)).toBe(false);
    const stored = await read();
    await objects.replaceNamespacedCustomObject({
      ...where,
      body: {
        ...stored,
        metadata: { ...stored.metadata, finalizers: ["chaos-mesh/records"] },
        status: {
          experiment: { desiredPhase: "Run" },
          conditions: [
            { type: "Selected", status: "True" },
            { type: "AllInjected", status: "True" },
          ],
        },
      },
    });
    expect(await chaosMeshFault.isInjected(given)).toBe(true);
    await chaosMeshFault.remove(given);
    // Deleted, and there until the controller has recovered the targets.
    expect(await chaosMeshFault.isRemoved(given)).toBe(false);
    const leaving = await read();
    await objects.replaceNamespacedCustomObject({
      ...where,
      body: { ...leaving, metadata: { ...leaving.metadata, finalizers: [] } },
    });
    await removeFault(given, 60_000);
    expect(await chaosMeshFault.isRemoved(given)).toBe(true);
  });

  it("is asked for nothing that its schemas refuse, and says why when it is", async ({ skip }) => {
    skip(absence !== undefined, absence ?? "");
    await expect(
      chaosMeshFault.inject(
        fault("NetworkChaos", { action: "loss", mode: "all", selector, loss: "50" }),
        new AbortController().signal,
      ),
    ).rejects.toThrow(/spec.loss: Invalid value: "string": spec.loss in body must be of type object/);
  });
});
