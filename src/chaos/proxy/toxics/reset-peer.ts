import type { ToxicKind } from "../toxic.ts";

/** Resets the connection (RST to both sides) `timeout` milliseconds after the first data; what is on its way is lost. */
export const resetPeer: ToxicKind<{ timeout: number }> = {
  type: "reset_peer",
  attributes: { timeout: 0 },
  bufferItems: 1,
  pipe: async (stub, { timeout }) => {
    const item = await stub.take();
    if (item === undefined) return;
    if (await stub.sleep(timeout)) return stub.put("reset");
    return stub.put(item);
  },
};
