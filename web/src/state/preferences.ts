import { useSyncExternalStore } from "react";
import type { Zone } from "../format/clock-time.ts";
import type { Theme } from "../look/palette.ts";

/** What a person likes, on this device. Everything about the question is in the address instead. */
export interface Preferences {
  readonly theme: Theme | "system";
  readonly zone: Zone;
  readonly density: "default" | "dense";
  /** The evidence trail that steps are kept on. */
  readonly trail: string | null;
}

const KEY = "traceo.preferences";
const INITIAL: Preferences = { theme: "system", zone: "local", density: "default", trail: null };
const listeners = new Set<() => void>();
let current = load();

function load(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof stored === "object" && stored !== null ? { ...INITIAL, ...stored } : INITIAL;
  } catch {
    // Storage may be forbidden or damaged; preferences then last as long as the page.
    return INITIAL;
  }
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // As above.
  }
  applyLook();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const systemLight = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: light)") : null;

export function themeOf(preferences: Preferences): Theme {
  return preferences.theme === "system" ? (systemLight?.matches ? "light" : "dark") : preferences.theme;
}

/** Writes theme and density to the document; called once at the start and on every change. */
export function applyLook(): void {
  document.documentElement.dataset["theme"] = themeOf(current);
  document.documentElement.dataset["density"] = current.density;
}

systemLight?.addEventListener("change", () => {
  applyLook();
  for (const listener of listeners) listener();
});

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => themeOf(current));
}

export function readPreferences(): Preferences {
  return current;
}
