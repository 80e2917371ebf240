import type { Question } from "#query/question.ts";
import { listServicesBySight } from "#query/service-sight.ts";
import { isFailure } from "#runtime/failure.ts";
import type { Documents } from "#state/documents.ts";

/** Slots of the palette; what they look like is the web's. */
export const COLOUR_SLOTS = 8;
/** Beyond so many services those that are gone lose theirs. */
const MOST_KEPT = 2000;
const MOST_TRIES = 20;
const DAY_NS = 86_400_000_000_000n;

export type Slots = Readonly<Record<string, number>>;

/**
 * Slots for all services: those that have one keep it, new ones take the slot that fewest have, the lowest of them. So the
 * first eight have one each, and nobody's colour changes because somebody else came.
 */
export function assignSlots(kept: Slots, services: readonly string[]): Slots {
  const fresh = services.filter((service) => !Object.hasOwn(kept, service));
  if (fresh.length === 0) return kept;
  const full = Object.keys(kept).length + fresh.length > MOST_KEPT;
  const seen = new Set(services);
  const slots = new Map(Object.entries(kept).filter(([service]) => !full || seen.has(service)));
  const uses = Array.from({ length: COLOUR_SLOTS }, () => 0);
  for (const slot of slots.values()) uses[slot]! += 1;
  for (const service of fresh) {
    const slot = uses.indexOf(Math.min(...uses));
    uses[slot]! += 1;
    slots.set(service, slot);
  }
  return Object.fromEntries(slots);
}

/**
 * The tenant's slots, with those of services that came since written down. Two who look at once agree: whoever writes second
 * reads what the first wrote and adds to that.
 */
export async function readServiceColours(question: Question, documents: Documents, nowMs: number): Promise<Slots> {
  const { nowUnixNano, tenant } = question;
  const services = await listServicesBySight(question, {
    fromUnixNano: nowUnixNano - DAY_NS,
    toUnixNano: nowUnixNano,
  });
  const key = { tenant, kind: "service-colours", id: "slots" };
  for (let tries = 1; ; tries++) {
    const found = await documents.get(key);
    const kept = (found?.content ?? {}) as Slots;
    const slots = assignSlots(kept, services);
    if (slots === kept) return slots;
    try {
      await documents.put(
        key,
        { name: "Colours of services", owner: "traceo", updatedMs: nowMs, content: slots },
        found?.version ?? 0,
      );
      return slots;
    } catch (error) {
      if (!isFailure(error, "conflict") || tries === MOST_TRIES) throw error;
    }
  }
}
