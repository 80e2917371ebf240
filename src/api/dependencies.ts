import type { Access } from "#access/access.ts";
import type { Engine } from "#engine/engine.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import type { Documents } from "#state/documents.ts";
import type { DemoReveal, DemoState, Ledger, Status } from "./contract/shapes.ts";

/** What the API needs of the rest of the program. */
export interface ApiDependencies {
  readonly engine: Engine;
  /** The ledger of records as it stands now. */
  readonly ingestLedger: () => Readonly<Record<Signal, Ledger>>;
  readonly access: Access;
  readonly clock: Clock;
  readonly version: string;
  /** Where people and senders reach this program, as URLs. */
  readonly addresses: Status["addresses"];
  readonly disk: () => Status["disk"];
  /** Where views, trails and queries are saved; without it those routes answer that there is nothing. */
  readonly documents?: Documents;
  /** How often each limit of the receivers was met, by its name. */
  readonly limits?: () => Readonly<Record<string, number>>;
  readonly demo?: DemoControl;
  readonly administration?: Administration;
  /** Told of every error that is a mistake of ours, whose message the client does not get, with the id that it gets instead. */
  readonly onError?: (error: unknown, request: FailedRequest) => void;
  /** Folder of the built web interface. */
  readonly webRoot?: string;
}

export interface FailedRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
}

/** Who asks, for which tenant. */
export interface Visitor {
  /** For documents' owner. */
  readonly name: string;
  readonly tenant: string;
}

/** The demo shop's switch; absent outside the demo. */
export interface DemoControl {
  state(): Promise<DemoState>;
  /** Causes one trouble at random. Throws conflict while one is going on. */
  break(): Promise<DemoState>;
  /** Says what was done and undoes it. Throws conflict when nothing is broken. */
  reveal(): Promise<DemoReveal>;
}

/** What an administrator may do. */
export interface Administration {
  /** Throws conflict where a backup of that name exists. */
  backup(name: string): Promise<{ readonly path: string; readonly sizeBytes: number; readonly files: number }>;
  eraseTenant(tenant: string): Promise<{ readonly rows: number }>;
  eraseTrace(tenant: string, traceId: string): Promise<{ readonly rows: number }>;
  quarantined(): Promise<
    readonly {
      readonly name: string;
      readonly signal: Signal;
      readonly reason: string;
      readonly recordCount: number;
      readonly atUnixMs: number;
    }[]
  >;
  /** Answers how many records were stored. Throws not-found, or the engine's refusal. */
  replay(name: string): Promise<number>;
}
