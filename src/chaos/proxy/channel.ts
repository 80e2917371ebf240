import { type Item, sizeOf } from "./chunk.ts";

/**
 * What stands between two stages of a link: a bounded queue with one taker. A putter waits while it is full, which is how
 * back-pressure reaches the source. Everything put is in order, waiting putters included.
 */
export class Channel {
  readonly #limitItems: number;
  readonly #limitBytes: number;
  readonly #queue: Item[] = [];
  readonly #putters: { readonly item: Item; readonly resolve: () => void }[] = [];
  #bytes = 0;
  #taker: ((item: Item | undefined) => void) | undefined;
  #isDestroyed = false;

  /** An item larger than `limitBytes` still passes, alone. */
  constructor(limitItems: number, limitBytes: number) {
    this.#limitItems = limitItems;
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Resolves when there was room (at once: THERE_WAS_ROOM itself). After `destroy` items are dropped. */
  put(item: Item): Promise<void> {
    if (this.#isDestroyed) return THERE_WAS_ROOM;
    if (this.#taker !== undefined) {
      const taker = this.#taker;
      this.#taker = undefined;
      taker(item);
      return THERE_WAS_ROOM;
    }
    if (this.#hasRoom(item)) {
      this.#enqueue(item);
      return THERE_WAS_ROOM;
    }
    return new Promise((resolve) => this.#putters.push({ item, resolve }));
  }

  /** The next item; undefined when `cancelTake` or `destroy` came first. */
  take(): Promise<Item | undefined> {
    const item = this.#queue.shift();
    if (item !== undefined) {
      this.#bytes -= sizeOf(item);
      while (this.#putters.length > 0 && this.#hasRoom(this.#putters[0]!.item)) {
        const putter = this.#putters.shift()!;
        this.#enqueue(putter.item);
        putter.resolve();
      }
      return Promise.resolve(item);
    }
    if (this.#isDestroyed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#taker = resolve;
    });
  }

  cancelTake(): void {
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.(undefined);
  }

  /** Drops what is in it and lets everybody go. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#queue.length = 0;
    for (const { resolve } of this.#putters.splice(0)) resolve();
    this.cancelTake();
  }

  #hasRoom(item: Item): boolean {
    if (this.#queue.length === 0) return true;
    return this.#queue.length < this.#limitItems && this.#bytes + sizeOf(item) <= this.#limitBytes;
  }

  #enqueue(item: Item): void {
    this.#queue.push(item);
    this.#bytes += sizeOf(item);
  }
}

export const THERE_WAS_ROOM: Promise<void> = Promise.resolve();
