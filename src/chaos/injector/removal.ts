import { describeError, Failure } from "#runtime/failure.ts";
import type { Fault } from "../fault/fault.ts";
import { faultHandler } from "../fault/handlers.ts";

const LOOK_AGAIN_MS = 50;
const TRY_AGAIN_MS = 500;

/**
 * Removes a fault and looks until it is gone. Tries again while that fails: what makes a removal fail (a proxy that restarts,
 * an API server that is busy) passes. Throws "unavailable" after `timeoutMs`, with what was seen last.
 */
export async function removeFault(fault: Fault, timeoutMs: number): Promise<void> {
  const handler = await faultHandler(fault.spec.type);
  const giveUpMs = performance.now() + timeoutMs;
  let last = "it is still there";
  for (let nextTryMs = 0; ; ) {
    try {
      if (performance.now() >= nextTryMs) {
        nextTryMs = performance.now() + TRY_AGAIN_MS;
        await handler.remove(fault);
      }
      if (await handler.isRemoved(fault)) return;
      last = "it is still there";
    } catch (error) {
      last = describeError(error);
    }
    if (performance.now() >= giveUpMs)
      throw new Failure("unavailable", `The fault \`${fault.name}\` (${fault.id}) could not be removed: ${last}`, {
        remedy: "Mend what the message names, then run `traceo chaos undo`.",
      });
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
