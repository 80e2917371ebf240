import { isEnding } from "../chunk.ts";
import type { ToxicKind } from "../toxic.ts";

/** Sends data in slices of `average_size` ± `size_variation` bytes, `delay` microseconds apart. */
export const slicer: ToxicKind<{ average_size: number; size_variation: number; delay: number }> = {
  type: "slicer",
  attributes: { average_size: 0, size_variation: 0, delay: 0 },
  bufferItems: 1,
  pipe: async (stub, { average_size, size_variation, delay }) => {
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) return stub.put(item);
      const { data, atMs } = item;
      for (const [start, end] of slices(0, data.length, Math.max(1, average_size), size_variation, () =>
        stub.random(),
      )) {
        await stub.put({ data: data.subarray(start, end), atMs });
        if (end < data.length && !(await stub.sleep(delay / 1000))) return stub.put({ data: data.subarray(end), atMs });
      }
    }
  },
};

/** Halves until a piece is within the variation of the average, so that sizes vary evenly from start to end. */
function* slices(
  start: number,
  end: number,
  average: number,
  variation: number,
  random: () => number,
): Generator<readonly [number, number]> {
  if (end - start - average <= variation) {
    yield [start, end];
    return;
  }
  let middle = start + Math.floor((end - start) / 2);
  if (variation > 0) middle += Math.floor(random() * variation * 2) - variation;
  // A variation larger than the average must not make a slice empty or turn it around.
  middle = Math.min(end - 1, Math.max(start + 1, middle));
  yield* slices(start, middle, average, variation, random);
  yield* slices(middle, end, average, variation, random);
}
