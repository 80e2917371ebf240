import type { FaultHandler, FaultSpec } from "./fault.ts";
import { killFault, pauseFault } from "./process-fault.ts";
import { cpuFault, memoryFault } from "./stress-fault.ts";
import { downFault, toxicFault } from "./toxic-fault.ts";

/** By type. Chaos Mesh's is loaded only when asked for: most runs need no Kubernetes client. */
const HANDLERS: Readonly<Record<FaultSpec["type"], () => Promise<FaultHandler>>> = {
  toxic: async () => toxicFault,
  down: async () => downFault,
  cpu: async () => cpuFault,
  memory: async () => memoryFault,
  pause: async () => pauseFault,
  kill: async () => killFault,
  kubernetes: async () => (await import("../kubernetes/chaos-mesh.ts")).chaosMeshFault,
};

export const faultHandler = (type: FaultSpec["type"]): Promise<FaultHandler> => HANDLERS[type]();
