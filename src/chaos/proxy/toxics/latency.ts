import { isEnding } from "../chunk.ts";
import type { ToxicKind } from "../toxic.ts";

/** Delays everything by `latency` ± `jitter` milliseconds; the order is kept. */
export const latency: ToxicKind<{ latency: number; jitter: number }> = {
  type: "latency",
  attributes: { latency: 0, jitter: 0 },
  bufferItems: 1024,
  pipe: async (stub, { latency, jitter }) => {
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) return stub.put(item);
      const delayMs = latency + (jitter > 0 ? Math.floor(stub.random() * jitter * 2) - jitter : 0);
      const dueMs = item.atMs + delayMs;
      const slept = await stub.sleep(dueMs - stub.nowMs());
      await stub.put(slept ? { data: item.data, atMs: Math.max(dueMs, item.atMs) } : item);
      if (!slept) return;
    }
  },
};
