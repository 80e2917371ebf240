import { type Chunk, isEnding } from "../chunk.ts";
import type { Stub, ToxicKind } from "../toxic.ts";

/** An Ethernet segment's payload. */
const SEGMENT_BYTES = 1460;

/**
 * What packet loss does to a TCP connection, without dropping a packet (which a proxy cannot): a lost segment arrives after
 * its retransmission timeout, `rto` milliseconds, doubled each time it is lost again (RFC 6298), and everything behind it
 * waits; after `retries` losses in a row the connection is reset. Segments of one burst are retransmitted together. While
 * connecting, the timeout is `connect` milliseconds (RFC 6298: 1 second), so that opening a connection costs what it costs
 * under real loss.
 *
 * Kinder than the real thing in that acknowledgements are not lost and no congestion window shrinks; harsher in that a loss in
 * the middle of a long burst waits for the timeout, too, instead of one round trip.
 */
export const loss: ToxicKind<{ loss: number; rto: number; retries: number; connect: number }> = {
  type: "loss",
  attributes: { loss: 0, rto: 200, retries: 8, connect: 1000 },
  fractions: ["loss"],
  bufferItems: 64,
  open: (isFresh) => ({ isConnecting: isFresh }),
  pipe: async (stub, attributes) => {
    const state = stub.state as { isConnecting: boolean };
    for (;;) {
      const item = await stub.take();
      if (item === undefined) return;
      if (isEnding(item)) return stub.put(item);
      if (state.isConnecting) {
        state.isConnecting = false;
        const lost = lossesInARow(stub, attributes.loss, attributes.retries);
        const slept = await stub.sleep(backoffMs(attributes.connect, lost));
        if (lost === attributes.retries) return stub.put(slept ? "reset" : item);
        if (!slept) return stub.put(item);
      }
      if (!(await send(stub, item, attributes))) return;
    }
  },
};

/** False when the pipe has to return. */
async function send(
  stub: Stub,
  { data, atMs }: Chunk,
  { loss, rto, retries }: { loss: number; rto: number; retries: number },
): Promise<boolean> {
  let sentBytes = 0;
  let waitedMs = 0;
  for (let at = 0; at < data.length; at += SEGMENT_BYTES) {
    const lost = lossesInARow(stub, loss, retries);
    const stallMs = backoffMs(rto, lost) - waitedMs;
    if (stallMs <= 0) continue;
    // What came before the gap is delivered; what comes after it waits.
    if (at > sentBytes) await stub.put({ data: data.subarray(sentBytes, at), atMs });
    sentBytes = at;
    waitedMs += stallMs;
    if (!(await stub.sleep(stallMs))) {
      await stub.put({ data: data.subarray(at), atMs });
      return false;
    }
    if (lost === retries) {
      await stub.put("reset");
      return false;
    }
  }
  await stub.put({ data: data.subarray(sentBytes), atMs: atMs + waitedMs });
  return true;
}

function lossesInARow(stub: Stub, loss: number, most: number): number {
  let lost = 0;
  while (lost < most && stub.random() < loss) lost++;
  return lost;
}

/** The sum of the first `lost` timeouts, each twice the one before. */
function backoffMs(firstMs: number, lost: number): number {
  return firstMs * (2 ** lost - 1);
}
