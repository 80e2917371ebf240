import { Channel } from "./channel.ts";
import { type Item, isEnding } from "./chunk.ts";
import type { ConnectionFaults, Stub, Toxic } from "./toxic.ts";

/** Limit of what one stage may hold back, whatever its kind asks for. */
const BUFFER_BYTES = 8 << 20;

/** Whatever passes items on: the head of a link or a stage. Its output is moved when a stage behind it comes or goes. */
export interface Outlet {
  output: Channel;
}

/** What a stage needs of its surroundings. */
export interface StageContext {
  readonly random: () => number;
  readonly nowMs: () => number;
  readonly connection: ConnectionFaults;
}

/**
 * One toxic on one link.
 *
 *   previous ──input──► stage ──output──► next
 *
 * It comes in behind the last stage by moving that one's output, and leaves the same way: told to retire it passes on what
 * stands in front of it without doing anything to it, and at the moment nothing does, moves the previous one's output past
 * itself. All on one thread, so nothing can slip in between and the order is kept.
 */
export class Stage implements Outlet {
  readonly input: Channel;
  output: Channel;
  toxic: Toxic;
  /** Whether the toxicity's dice fell on this link. */
  isActive: boolean;
  readonly #context: StageContext;
  readonly #leave: (stage: Stage) => void;
  #isInterrupted = false;
  #isRetired = false;
  #isOver = false;
  #cancelSleep: (() => void) | undefined;
  #state: unknown;

  constructor(
    toxic: Toxic,
    output: Channel,
    context: StageContext,
    { isFresh, leave }: { readonly isFresh: boolean; readonly leave: (stage: Stage) => void },
  ) {
    this.toxic = toxic;
    this.input = new Channel(Math.max(1, toxic.kind.bufferItems), BUFFER_BYTES);
    this.output = output;
    this.#context = context;
    this.#leave = leave;
    this.isActive = context.random() < toxic.toxicity;
    this.#state = toxic.kind.open?.(isFresh);
  }

  /** Runs until an ending was passed on, the stage left, or the link was destroyed. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      this.#isInterrupted = false;
      if (this.#isRetired) await this.#drain();
      else if (this.isActive) await this.toxic.kind.pipe(this.#stub, this.toxic.attributes);
      else await pass(this.#stub);
    }
  }

  /** The toxic was changed: start over with its new attributes and new dice. */
  update(): void {
    this.isActive = this.#context.random() < this.toxic.toxicity;
    this.#interrupt();
  }

  /** Takes effect at once: nothing is held back any more. */
  retire(): void {
    this.#isRetired = true;
    if (this.isActive && this.toxic.kind.closesWhenRemoved === true) void this.#put("close");
    this.#interrupt();
  }

  destroy(): void {
    this.#isOver = true;
    this.input.destroy();
    this.#interrupt();
  }

  readonly #stub: Stub = ((stage: Stage): Stub => ({
    take: () => stage.#take(),
    put: (item) => stage.#put(item),
    sleep: (ms) => stage.#sleep(ms),
    random: () => stage.#context.random(),
    nowMs: () => stage.#context.nowMs(),
    get state() {
      return stage.#state;
    },
    get connection() {
      return stage.#context.connection;
    },
  }))(this);

  async #take(): Promise<Item | undefined> {
    if (this.#isInterrupted || this.#isOver) return undefined;
    return await this.input.take();
  }

  async #put(item: Item): Promise<void> {
    if (this.#isOver) return;
    if (isEnding(item)) {
      this.#isOver = true;
      // A pipe may wait for time and for data at once; the other wait ends with this one.
      this.input.cancelTake();
      this.#cancelSleep?.();
    }
    await this.output.put(item);
  }

  /** False when interrupted. */
  #sleep(ms: number): Promise<boolean> {
    if (this.#isInterrupted || this.#isOver) return Promise.resolve(false);
    if (ms <= 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#cancelSleep = undefined;
        resolve(true);
      }, ms);
      this.#cancelSleep = () => {
        clearTimeout(timer);
        this.#cancelSleep = undefined;
        resolve(false);
      };
    });
  }

  #interrupt(): void {
    this.#isInterrupted = true;
    this.input.cancelTake();
    this.#cancelSleep?.();
  }

  async #drain(): Promise<void> {
    while (!this.#isOver && !this.input.isEmpty) {
      const item = await this.input.take();
      if (item !== undefined) await this.#put(item);
    }
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave(this);
  }
}

async function pass(stub: Stub): Promise<void> {
  for (;;) {
    const item = await stub.take();
    if (item === undefined) return;
    await stub.put(item);
    if (isEnding(item)) return;
  }
}
