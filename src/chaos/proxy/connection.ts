import type { Socket } from "node:net";
import type { Ending } from "./chunk.ts";
import { Link, type LinkCounts } from "./link.ts";
import type { ConnectionFaults, Direction, Toxic } from "./toxic.ts";

export interface ConnectionOptions {
  readonly toxics: readonly Toxic[];
  readonly random: () => number;
  readonly nowMs: () => number;
  readonly counts: (direction: Direction) => LinkCounts;
  readonly onClose: () => void;
}

/** A client's connection and ours to the upstream, joined by two links. */
export class Connection implements ConnectionFaults {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #links: readonly Link[];
  readonly #down: Link;
  #open = 2;
  lastMethod: string | undefined;

  constructor(client: Socket, upstream: Socket, options: ConnectionOptions) {
    this.#client = client;
    this.#upstream = upstream;
    const link = (direction: Direction, source: Socket, destination: Socket): Link =>
      new Link(direction, source, destination, {
        toxics: options.toxics.filter((toxic) => toxic.stream === direction),
        context: { random: options.random, nowMs: options.nowMs, connection: this },
        counts: options.counts(direction),
        onEnding: (ending) => this.#end(ending, destination),
      });
    this.#down = link("downstream", upstream, client);
    this.#links = [link("upstream", client, upstream), this.#down];
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      // What went wrong is seen at "close", which follows.
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#open--;
        if (this.#open > 0) return;
        for (const each of this.#links) each.destroy();
        options.onClose();
      });
    }
    client.on("data", (data: Buffer) => this.#noteMethod(data));
    for (const each of this.#links) each.start();
  }

  answer(bytes: Buffer): Promise<void> {
    return this.#down.push(bytes);
  }

  addToxic(toxic: Toxic): void {
    for (const link of this.#links) if (link.direction === toxic.stream) link.add(toxic);
  }

  updateToxic(toxic: Toxic): void {
    for (const link of this.#links) link.update(toxic);
  }

  removeToxic(toxic: Toxic): void {
    for (const link of this.#links) link.remove(toxic);
  }

  /** Ends both sides at once; `reset` with a RST. */
  destroy(how: "close" | "reset"): void {
    for (const socket of [this.#client, this.#upstream]) {
      if (socket.destroyed) continue;
      if (how === "reset") socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #end(ending: Ending, destination: Socket): void {
    if (ending === "reset") this.destroy("reset");
    else if (ending === "end") {
      if (!destination.destroyed) destination.end();
    } else {
      // What was written goes out first; then nothing is left to wait for.
      destination.end(() => this.destroy("close"));
      if (destination.destroyed) this.destroy("close");
    }
  }

  #noteMethod(data: Buffer): void {
    const end = data.indexOf(0x20);
    if (end < 1 || end > 10) return;
    for (let at = 0; at < end; at++) if (data[at]! < 0x41 || data[at]! > 0x5a) return;
    this.lastMethod = data.toString("latin1", 0, end);
  }
}
