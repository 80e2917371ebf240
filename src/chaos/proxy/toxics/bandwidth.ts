import { isEnding } from "../chunk.ts";
import type { ToxicKind } from "../toxic.ts";

const STEP_MS = 100;

/** Lets `rate` KB (of 1000 bytes) a second through; nothing at a rate of 0. */
export const bandwidth: ToxicKind<{ rate: number }> = {
  type: "bandwidth",
  attributes: { rate: 0 },
  bufferItems: 1,
  pipe: async (stub, { rate }) => {
    // What is owed: carried from chunk to chunk, so that timers which fire late do not lower the rate.
    let owedMs = 0;
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) return stub.put(item);
      let { data } = item;
      const { atMs } = item;
      if (rate <= 0) {
        while (await stub.sleep(STEP_MS));
        return stub.put(item);
      }
      owedMs += data.length / rate;
      // At a low rate a chunk goes out in pieces, ten a second.
      while (data.length > rate * STEP_MS) {
        if (!(await stub.sleep(STEP_MS))) return stub.put({ data, atMs });
        await stub.put({ data: data.subarray(0, rate * STEP_MS), atMs });
        data = data.subarray(rate * STEP_MS);
        owedMs -= STEP_MS;
      }
      const startMs = stub.nowMs();
      const slept = await stub.sleep(owedMs);
      owedMs -= stub.nowMs() - startMs;
      await stub.put({ data, atMs });
      if (!slept) return;
    }
  },
};
