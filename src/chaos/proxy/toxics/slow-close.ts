import { isEnding } from "../chunk.ts";
import type { ToxicKind } from "../toxic.ts";

/** Holds the end of the connection back for `delay` milliseconds. */
export const slowClose: ToxicKind<{ delay: number }> = {
  type: "slow_close",
  attributes: { delay: 0 },
  bufferItems: 1,
  pipe: async (stub, { delay }) => {
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) {
        await stub.sleep(delay);
        return stub.put(item);
      }
      await stub.put(item);
    }
  },
};
