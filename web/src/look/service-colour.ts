import { useMemo } from "react";
import { useServiceSlots } from "../server/answers.ts";
import { useTheme } from "../state/preferences.ts";
import { inkOn, PALETTES } from "./palette.ts";

export interface ServiceColour {
  readonly slot: number;
  /** For styles: follows the theme by itself. */
  readonly variable: string;
  /** For canvas. */
  readonly colour: string;
  readonly ink: string;
  /** Two letters where the slot is shared, else null. */
  readonly monogram: string | null;
}

/** Two letters that tell services apart: the initials of its words, else its first two. */
export function monogramOf(service: string): string {
  const words = service.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const letters =
    words.length > 1 ? `${[...words[0]!][0]}${[...words[1]!][0]}` : [...(words[0] ?? "?")].slice(0, 2).join("");
  return letters.toUpperCase();
}

/** Slots for services that the server has not named yet: the next free one on first sight, for as long as the page lives. */
const guessed = new Map<string, number>();
function guess(service: string, taken: Readonly<Record<string, number>>): number {
  const known = guessed.get(service);
  if (known !== undefined) return known;
  const used = new Set([...Object.values(taken), ...guessed.values()]);
  const free = [0, 1, 2, 3, 4, 5, 6, 7].find((candidate) => !used.has(candidate));
  const slot = free ?? guessed.size % 8;
  guessed.set(service, slot);
  return slot;
}

/** The colour of each service: the slot the server gave it, or a steady guess until it did. */
export function useServiceColours(): (service: string) => ServiceColour {
  const slots = useServiceSlots();
  const theme = useTheme();
  return useMemo(() => {
    const users = new Map<number, number>();
    for (const slot of Object.values(slots)) users.set(slot, (users.get(slot) ?? 0) + 1);
    const cache = new Map<string, ServiceColour>();
    return (service) => {
      const known = cache.get(service);
      if (known !== undefined) return known;
      const given = Object.hasOwn(slots, service) ? slots[service] : undefined;
      const slot = (given ?? guess(service, slots)) % 8;
      const colour = PALETTES[theme].services[slot]!;
      const made: ServiceColour = {
        slot,
        variable: `var(--service-${slot})`,
        colour,
        ink: inkOn(colour),
        monogram:
          (users.get(slot) ?? 0) + (given === undefined && guessed.size + users.size > 8 ? 1 : 0) > 1
            ? monogramOf(service)
            : null,
      };
      cache.set(service, made);
      return made;
    };
  }, [slots, theme]);
}
