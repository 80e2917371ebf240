import { isEnding } from "../chunk.ts";
import type { Stub, ToxicKind } from "../toxic.ts";

/**
 * Nothing gets through any more; after `timeout` milliseconds the connection is closed, at 0 when the toxic is removed. The
 * time runs from when the toxic takes hold of the connection, as Toxiproxy documents it (its code starts over at each chunk).
 */
export const timeout: ToxicKind<{ timeout: number }> = {
  type: "timeout",
  attributes: { timeout: 0 },
  bufferItems: 1,
  closesWhenRemoved: true,
  pipe: async (stub, { timeout }) => {
    if (timeout <= 0) {
      await swallow(stub);
      return;
    }
    const closing = stub.sleep(timeout).then(async (slept) => {
      if (slept) await stub.put("close");
    });
    await swallow(stub);
    await closing;
  },
};

async function swallow(stub: Stub): Promise<void> {
  for (;;) {
    const item = await stub.take();
    if (item === undefined) return;
    if (isEnding(item)) return stub.put(item);
  }
}
