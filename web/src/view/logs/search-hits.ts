import { parseFilter } from "../../../../src/api/contract/filter.ts";

const MOST_PHRASES = 32;
const TOKENS = /[A-Za-z0-9\u0080-\uffff]+/g;
const LETTER = "[A-Za-z0-9\\u0080-\\uffff]";
const NO_LETTER = "[^A-Za-z0-9\\u0080-\\uffff]";

/**
 * What a search of log bodies finds in a line, so that it can be marked; null when nothing is searched. The words and
 * "phrases" of the text box but not those behind a minus, and the values of `body ~` and `body =` filters. As on the
 * server, a phrase is whole words one after the other with anything but letters and digits between them, in any ASCII case.
 */
export function searchHits(text: string | undefined, where: readonly string[]): RegExp | null {
  const phrases: string[] = [];
  for (const [, minus, phrase, word] of (text ?? "").matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g))
    if (minus === "") phrases.push(phrase ?? word ?? "");
  for (const filter of where) {
    const parsed = parseFilter(filter);
    if (!("message" in parsed) && parsed.field === "body" && (parsed.op === "~" || parsed.op === "="))
      phrases.push(...parsed.values);
  }
  const patterns = phrases
    .map((phrase) => [...phrase.matchAll(TOKENS)].map(([token]) => token).join(`${NO_LETTER}+`))
    .filter((pattern) => pattern !== "")
    .slice(0, MOST_PHRASES)
    // The longest first: of two that begin at one place, the alternation takes the one named first.
    .sort((a, b) => b.length - a.length);
  return patterns.length === 0 ? null : new RegExp(`(?<!${LETTER})(?:${patterns.join("|")})(?!${LETTER})`, "gi");
}
