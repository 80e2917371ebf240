/**
 * Telemetry is hostile text: what could hide, reorder or break a line is shown as a mark with its name. Text only ever
 * becomes text nodes; this decides which.
 */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "mark"; readonly mark: string; readonly name: string };

const NAMES: Readonly<Record<number, string>> = {
  0: "null",
  7: "bell",
  8: "backspace",
  9: "tab",
  10: "line feed",
  11: "vertical tab",
  12: "form feed",
  13: "carriage return",
  27: "escape",
  127: "delete",
  173: "soft hyphen",
  1564: "Arabic letter mark",
  6158: "Mongolian vowel separator",
  8203: "zero width space",
  8204: "zero width non-joiner",
  8205: "zero width joiner",
  8206: "left-to-right mark",
  8207: "right-to-left mark",
  8232: "line separator",
  8233: "paragraph separator",
  8234: "left-to-right embedding",
  8235: "right-to-left embedding",
  8236: "pop directional formatting",
  8237: "left-to-right override",
  8238: "right-to-left override",
  8288: "word joiner",
  8294: "left-to-right isolate",
  8295: "right-to-left isolate",
  8296: "first strong isolate",
  8297: "pop directional isolate",
  65279: "byte order mark",
};

// Control, format, line/paragraph separators, lone surrogates; the joiner inside an emoji sequence is let through below.
const HOSTILE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const HOSTILE_ALL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const EMOJI_BEFORE = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u{fe0f})$/u;
const EMOJI_AFTER = /^\p{Extended_Pictographic}/u;

/** Whether the text can be shown as it is. */
export function isPlain(text: string): boolean {
  return !HOSTILE.test(text);
}

/** Cuts text into what is shown as it is and what is shown as a mark. With `lines`, line feeds and tabs stay. */
export function pieces(text: string, lines = false): readonly Piece[] {
  if (isPlain(text)) return text === "" ? [] : [{ kind: "text", text }];
  const out: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(HOSTILE_ALL)) {
    const at = match.index;
    const code = match[0].codePointAt(0)!;
    if (lines && (code === 0x0a || code === 0x09)) continue;
    if (
      code === 0x200d &&
      EMOJI_BEFORE.test(text.slice(Math.max(0, at - 4), at)) &&
      EMOJI_AFTER.test(text.slice(at + 1))
    )
      continue;
    if (at > from) out.push({ kind: "text", text: text.slice(from, at) });
    out.push(markOf(code));
    from = at + match[0].length;
  }
  if (from < text.length) out.push({ kind: "text", text: text.slice(from) });
  return out;
}

function markOf(code: number): Piece {
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  const mark = code === 0x0a ? "↵" : code === 0x09 ? "⇥" : `U+${hex}`;
  return { kind: "mark", mark, name: `U+${hex} ${NAMES[code] ?? "invisible character"}` };
}

/** The text with marks in it, for titles, labels and places that hold one string. */
export function plainText(text: string, max = 400): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return pieces(cut)
    .map((piece) =>
      piece.kind === "text" ? piece.text : piece.mark === "↵" || piece.mark === "⇥" ? " " : `⟨${piece.mark}⟩`,
    )
    .join("");
}

/** Cuts without splitting a surrogate pair. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** An address that may be opened: http or https only. */
export function safeLink(text: string): string | null {
  if (text.length > 2048 || !/^https?:\/\//i.test(text) || !isPlain(text) || /\s/.test(text)) return null;
  try {
    const url = new URL(text);
    return (url.protocol === "http:" || url.protocol === "https:") && url.username === "" && url.password === ""
      ? url.href
      : null;
  } catch {
    return null;
  }
}
