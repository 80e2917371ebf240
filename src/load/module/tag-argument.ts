import type { LoadUserState } from "../load-user.ts";

/** Adds a system tag, unless the options leave it out. */
export function withSystemTag(state: LoadUserState, tags: number, key: string, value: string): number {
  return state.options.systemTags.has(key) ? state.metrics.tags.with(tags, key, value) : tags;
}

/** Adds the tags that a script gave to a call (`check(value, checks, tags)`, `metric.add(value, tags)`). Throws to the script. */
export function withGivenTags(state: LoadUserState, tags: number, given: unknown): number {
  if (given === undefined || given === null) return tags;
  if (typeof given !== "object") throw new TypeError("tags must be an object of names and values");
  let set = tags;
  for (const [key, value] of Object.entries(given as Record<string, unknown>)) {
    if (typeof value === "object" && value !== null)
      throw new TypeError(`tag ${JSON.stringify(key)} must be a string, a number or a boolean`);
    set = state.metrics.tags.with(set, key, String(value));
  }
  return set;
}
