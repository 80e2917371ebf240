/** Bytes on their way through a link. */
export interface Chunk {
  readonly data: Buffer;
  /** Monotonic milliseconds at which they became due where they are now: their arrival, or when the last latency let them go. */
  readonly atMs: number;
}

/**
 * The last item of a link; nothing follows it.
 * - `end`: the source sent its FIN. Passed on as a half-close: the other direction goes on.
 * - `close`: a toxic ends the connection, both directions, after what is in front of it was sent.
 * - `reset`: the connection is torn down with a RST, or the source was.
 */
export type Ending = "end" | "close" | "reset";

export type Item = Chunk | Ending;

export const isEnding = (item: Item): item is Ending => typeof item === "string";
export const sizeOf = (item: Item): number => (isEnding(item) ? 0 : item.data.length);
