/** Attributes of a resource from the JSON text that the tables keep once for all rows of it; none of text that is no object. */
export function parseResource(json: string): readonly (readonly [key: string, value: string])[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json === "" ? "{}" : json);
  } catch {
    return [];
  }
  if (typeof parsed !== "object" || parsed === null) return [];
  return Object.entries(parsed).flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
}
