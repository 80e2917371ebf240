import type { Socket } from "node:net";
import { Channel, THERE_WAS_ROOM } from "./channel.ts";
import { type Ending, type Item, isEnding } from "./chunk.ts";
import { type Outlet, Stage, type StageContext } from "./stage.ts";
import type { Direction, Toxic } from "./toxic.ts";

/** Bytes that a link holds between its source and its first toxic. */
const HELD_BYTES = 64 << 10;

export interface LinkCounts {
  received(bytes: number): void;
  sent(bytes: number): void;
}

/**
 * One direction of a connection.
 *
 *   source ─► head ─► stage ─► … ─► tail ─► destination
 *
 * The source is paused while the first channel is full, and the tail waits for the destination to drain: back-pressure goes
 * through. A FIN of the source arrives as a FIN at the destination (half-close).
 */
export class Link {
  readonly direction: Direction;
  readonly #source: Socket;
  readonly #destination: Socket;
  readonly #context: StageContext;
  readonly #counts: LinkCounts;
  readonly #onEnding: (ending: Ending) => void;
  readonly #tail = new Channel(1, HELD_BYTES);
  readonly #head: Outlet = { output: this.#tail };
  #stages: Stage[] = [];
  #isDestroyed = false;

  constructor(
    direction: Direction,
    source: Socket,
    destination: Socket,
    options: {
      readonly toxics: readonly Toxic[];
      readonly context: StageContext;
      readonly counts: LinkCounts;
      /** The last item came out; the destination got everything before it. */
      readonly onEnding: (ending: Ending) => void;
    },
  ) {
    this.direction = direction;
    this.#source = source;
    this.#destination = destination;
    this.#context = options.context;
    this.#counts = options.counts;
    this.#onEnding = options.onEnding;
    for (const toxic of options.toxics) this.add(toxic, true);
  }

  start(): void {
    let isEnded = false;
    const end = (ending: Ending): void => {
      if (isEnded) return;
      isEnded = true;
      void this.#head.output.put(ending);
    };
    this.#source.on("data", (data: Buffer) => {
      this.#counts.received(data.length);
      const room = this.push(data);
      if (room === THERE_WAS_ROOM) return;
      this.#source.pause();
      void room.then(() => {
        if (!this.#isDestroyed) this.#source.resume();
      });
    });
    this.#source.once("end", () => end("end"));
    this.#source.once("close", (hadError: boolean) => {
      // After its FIN nothing follows through the stages, but a reset still ends the other side.
      if (isEnded && hadError) this.#onEnding("reset");
      else end(hadError ? "reset" : "close");
    });
    void this.#write();
    this.#source.resume();
  }

  /** Bytes into the head of the link, as if the source had sent them. */
  push(data: Buffer): Promise<void> {
    return this.#head.output.put({ data, atMs: this.#context.nowMs() });
  }

  add(toxic: Toxic, isFresh = false): void {
    const before: Outlet = this.#stages.at(-1) ?? this.#head;
    const stage = new Stage(toxic, before.output, this.#context, { isFresh, leave: (left) => this.#leave(left) });
    before.output = stage.input;
    this.#stages.push(stage);
    void stage.run();
  }

  update(toxic: Toxic): void {
    for (const stage of this.#stages) if (stage.toxic === toxic) stage.update();
  }

  remove(toxic: Toxic): void {
    for (const stage of this.#stages) if (stage.toxic === toxic) stage.retire();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#tail.destroy();
    for (const stage of this.#stages) stage.destroy();
  }

  #leave(stage: Stage): void {
    const at = this.#stages.indexOf(stage);
    const before: Outlet = this.#stages[at - 1] ?? this.#head;
    before.output = stage.output;
    this.#stages = this.#stages.filter((other) => other !== stage);
  }

  async #write(): Promise<void> {
    for (;;) {
      const item: Item | undefined = await this.#tail.take();
      if (item === undefined) return;
      if (isEnding(item)) {
        this.#onEnding(item);
        return;
      }
      this.#counts.sent(item.data.length);
      if (this.#destination.destroyed || this.#destination.writableEnded) continue;
      if (!this.#destination.write(item.data)) await drained(this.#destination);
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
