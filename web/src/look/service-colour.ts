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
      const slot = (given ?? [...service].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7)) % 8;
      const colour = PALETTES[theme].services[slot]!;
      const made: ServiceColour = {
        slot,
        variable: `var(--service-${slot})`,
        colour,
        ink: inkOn(colour),
        monogram: given === undefined || (users.get(slot) ?? 0) > 1 ? monogramOf(service) : null,
      };
      cache.set(service, made);
      return made;
    };
  }, [slots, theme]);
}
