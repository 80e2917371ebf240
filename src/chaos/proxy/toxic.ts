import type { Item } from "./chunk.ts";

export type Direction = "upstream" | "downstream";

/** What a toxic's pipe works with. */
export interface Stub {
  /** The next item; undefined when the toxic was changed or removed, or the connection is gone: return at once. */
  take(): Promise<Item | undefined>;
  /** Passes an item on, waiting for room. After an ending nothing more may be passed on: return. */
  put(item: Item): Promise<void>;
  /** False when interrupted: pass on what is held and return. */
  sleep(ms: number): Promise<boolean>;
  /** From 0 to below 1. */
  random(): number;
  nowMs(): number;
  /** What `open` made; kept over updates. */
  readonly state: unknown;
  readonly connection: ConnectionFaults;
}

/** What reaches beyond a toxic's own direction. */
export interface ConnectionFaults {
  /** Sends bytes to the client as if the upstream had, in front of its direction's toxics. */
  answer(bytes: Buffer): Promise<void>;
  /** The method of the request that was sent last, if it looked like HTTP. */
  readonly lastMethod: string | undefined;
}

/** A kind of toxic. `A` is its attributes, numbers or texts by name. */
export interface ToxicKind<A extends Attributes = Attributes> {
  readonly type: string;
  /** Names, types and defaults of its attributes. Numbers are integers, but those named in `fractions`. */
  readonly attributes: A;
  readonly fractions?: readonly string[];
  /** Items that may wait in front of it. */
  readonly bufferItems: number;
  /** Connections that it holds are closed when it is removed: they have lost data. */
  readonly closesWhenRemoved?: boolean;
  /** State of one link; `isFresh` when the connection has just been opened, false when the toxic came to an open one. */
  open?(isFresh: boolean): unknown;
  /** Works until interrupted (`take` gave nothing, `sleep` false) or an ending was passed on. */
  pipe(stub: Stub, attributes: A): Promise<void>;
}

export type Attributes = Readonly<Record<string, number | string>>;

export interface Toxic {
  readonly name: string;
  readonly kind: ToxicKind;
  readonly stream: Direction;
  /** Chance that it acts on a link, 0 to 1. */
  toxicity: number;
  attributes: Attributes;
}

/** As Toxiproxy prints one. */
export function toxicDocument(toxic: Toxic): object {
  return {
    attributes: toxic.attributes,
    name: toxic.name,
    type: toxic.kind.type,
    stream: toxic.stream,
    toxicity: toxic.toxicity,
  };
}
