import { type ReactElement, type ReactNode, useState } from "react";
import { cutText, isPlain, pieces, safeLink } from "../format/hostile.ts";
import { formatBytes } from "../format/quantity.ts";

export interface TelemetryTextProps {
  readonly text: string;
  /** Longest text shown at once, in UTF-16 units. */
  readonly max?: number;
  /** Line feeds and tabs stay as they are. */
  readonly lines?: boolean;
  /** Offers the rest, and turns http addresses into links. */
  readonly full?: boolean;
  /** What a search found in it, marked: a global pattern. */
  readonly hits?: RegExp | null;
}

/** Hostile text, shown harmlessly: text nodes only, with marks for what could hide or reorder. */
export function TelemetryText({
  text,
  max = 400,
  lines = false,
  full = false,
  hits = null,
}: TelemetryTextProps): ReactElement {
  const [all, setAll] = useState(false);
  const limit = all ? 1_000_000 : max;
  const shown = cutText(text, limit);
  const link = full && text.length <= 2048 ? safeLink(text) : null;
  if (link !== null)
    return (
      <a className="link telemetry" href={link} target="_blank" rel="noopener noreferrer">
        {text}
      </a>
    );
  return (
    <bdi className="telemetry">
      {isPlain(shown) ? withHits(shown, hits) : marked(shown, lines, hits)}
      {shown.length < text.length && !full && "…"}
      {shown.length < text.length && full && (
        <>
          {"… "}
          <button type="button" className="link" onClick={() => setAll(true)}>
            {all ? "cut at 1 MB" : `show all (${formatBytes(text.length)})`}
          </button>
        </>
      )}
      {text === "" && <span className="faint">empty</span>}
    </bdi>
  );
}

function marked(text: string, lines: boolean, hits: RegExp | null): ReactElement[] {
  return pieces(text, lines).map((piece, i) =>
    piece.kind === "text" ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one immutable string have no other identity
      <span key={i}>{withHits(piece.text, hits)}</span>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: as above
      <span key={i} className="mark" title={piece.name}>
        {piece.mark}
      </span>
    ),
  );
}

function withHits(text: string, hits: RegExp | null): ReactNode {
  if (hits === null) return text;
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(hits)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    parts.push(
      <mark key={match.index} className="hit">
        {match[0]}
      </mark>,
    );
  }
  if (from === 0) return text;
  parts.push(text.slice(from));
  return parts;
}
