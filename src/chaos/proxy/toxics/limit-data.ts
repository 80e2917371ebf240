import { isEnding } from "../chunk.ts";
import type { ToxicKind } from "../toxic.ts";

/** Closes the connection once `bytes` of this direction were sent, counted from when the toxic took hold of it. */
export const limitData: ToxicKind<{ bytes: number }> = {
  type: "limit_data",
  attributes: { bytes: 0 },
  bufferItems: 1,
  open: () => ({ sentBytes: 0 }),
  pipe: async (stub, { bytes }) => {
    const state = stub.state as { sentBytes: number };
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) return stub.put(item);
      const data = item.data.subarray(0, Math.max(0, bytes - state.sentBytes));
      if (data.length > 0) {
        state.sentBytes += data.length;
        await stub.put({ data, atMs: item.atMs });
      }
      if (state.sentBytes >= bytes) return stub.put("close");
    }
  },
};
