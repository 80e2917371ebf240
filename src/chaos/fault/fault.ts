import type { ProcessIdentity } from "../process/process-table.ts";

/** A fault with its targets resolved: everything that it takes to inject it, to undo it, and to look whether it is there. */
export type FaultSpec = ToxicFault | DownFault | CpuFault | MemoryFault | PauseFault | KillFault | KubernetesFault;

/** A toxic on proxies, ours or Toxiproxy's. */
export interface ToxicFault {
  readonly type: "toxic";
  /** Address of the proxies' API. */
  readonly api: string;
  readonly proxies: readonly string[];
  /** Each gets a toxic of its own. */
  readonly streams: readonly ("upstream" | "downstream")[];
  readonly toxic: {
    readonly type: string;
    readonly toxicity: number;
    readonly attributes: Readonly<Record<string, number | string>>;
  };
}

/** Proxies that refuse connections. */
export interface DownFault {
  readonly type: "down";
  readonly api: string;
  readonly proxies: readonly string[];
}

/** Busy processes. */
export interface CpuFault {
  readonly type: "cpu";
  /** Of each of `cpus`, or of as many unpinned ones when the system cannot pin. */
  readonly loadPercent: number;
  readonly cpus: readonly number[];
}

/** A process that holds memory. */
export interface MemoryFault {
  readonly type: "memory";
  readonly bytes: number;
  /** It stops taking when the system has no more than this left. */
  readonly reserveBytes: number;
}

export interface PauseFault {
  readonly type: "pause";
  readonly processes: readonly ProcessIdentity[];
}

/** There is no undo: whoever keeps the process running has to start it again. */
export interface KillFault {
  readonly type: "kill";
  readonly signal: "SIGKILL" | "SIGTERM";
  readonly processes: readonly ProcessIdentity[];
}

/** An object of Chaos Mesh. */
export interface KubernetesFault {
  readonly type: "kubernetes";
  readonly kind: string;
  readonly namespace: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of the kubeconfig; its current one if not said. */
  readonly context?: string;
}

/** What an undo record holds. */
export interface Fault {
  /** Unique; part of the names of what is made. */
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  readonly spec: FaultSpec;
  readonly createdMs: number;
  /** Unix milliseconds after which the injector ends it, come what may. */
  readonly deadlineMs: number;
  /** Who injects it: while this process lives, a replay leaves the fault to it. */
  readonly owner: { readonly pid: number; readonly started: string };
}

/**
 * How one type of fault is brought about, taken away and looked at. `remove` is idempotent and may run in another process than
 * `inject`, after a crash at any point of it. The probes look at the world, not at what a call answered.
 */
export interface FaultHandler {
  /** Resolves when the fault was asked for. May be followed by any of the others. */
  inject(fault: Fault, signal: AbortSignal): Promise<void>;
  /** Called about once a second while it lasts. */
  renew?(fault: Fault): Promise<void>;
  remove(fault: Fault): Promise<void>;
  isInjected(fault: Fault): Promise<boolean>;
  isRemoved(fault: Fault): Promise<boolean>;
}
