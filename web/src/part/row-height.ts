import { usePreferences } from "../state/preferences.ts";

const coarse = typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches;

/** The height of list rows in pixels: 24 dense, 28 by default, 36 for fingers. tokens.css says the same as `--row`. */
export function useRowHeight(): number {
  const { density } = usePreferences();
  return coarse ? 36 : density === "dense" ? 24 : 28;
}
