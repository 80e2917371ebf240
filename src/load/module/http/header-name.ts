/** Names seen, as Go writes them: scripts and servers use few. */
const canonical = new Map<string, string>();
const MOST_NAMES = 2000;

/** `content-type` as `Content-Type` (Go's textproto.CanonicalMIMEHeaderKey): upper case at the start and after each `-`. */
export function canonicalName(name: string): string {
  const known = canonical.get(name);
  if (known !== undefined) return known;
  const made = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
    ? name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())
    : name;
  if (canonical.size >= MOST_NAMES) canonical.clear();
  canonical.set(name, made);
  return made;
}
