/**
 * Transformed code as a tree of pieces: text of ours, ranges of the source as written, and marks, which say what place of
 * the source the text behind them stands for.
 */
export type Piece = string | Range | Mark | readonly Piece[];

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The offset of code that stands for no place. */
export const NOWHERE = 2 ** 30;

export interface Mark {
  readonly at: number;
}

/** Code and where it comes from: `generated` ascends; `source[i] >= 0` runs on with the code, `~source[i]` stands still. */
export interface Printed {
  readonly code: string;
  readonly generated: readonly number[];
  readonly source: readonly number[];
}

export function print(root: Piece, text: string): Printed {
  const parts: string[] = [];
  const generated: number[] = [];
  const source: number[] = [];
  let length = 0;
  let lastEnd = -1;
  const walk = (piece: Piece): void => {
    if (typeof piece === "string") {
      if (piece === "") return;
      if (lastEnd >= 0) {
        // Text of ours stands where the source was left.
        generated.push(length);
        source.push(~lastEnd);
        lastEnd = -1;
      }
      parts.push(piece);
      length += piece.length;
      return;
    }
    if ("at" in piece && !Array.isArray(piece)) {
      generated.push(length);
      source.push(~(piece as Mark).at);
      lastEnd = -1;
      return;
    }
    if (Array.isArray(piece)) {
      for (const part of piece as readonly Piece[]) walk(part);
      return;
    }
    const { start, end } = piece as Range;
    if (start === end) return;
    if (start !== lastEnd) {
      generated.push(length);
      source.push(start);
    }
    lastEnd = end;
    parts.push(text.slice(start, end));
    length += end - start;
  };
  walk(root);
  return { code: parts.join(""), generated, source };
}

/** The offset in the source that an offset in the code stands for. */
export function sourceOffset(printed: Pick<Printed, "generated" | "source">, offset: number): number {
  let low = 0;
  let high = printed.generated.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (printed.generated[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  const source = printed.source[low];
  if (source === undefined) return 0;
  return source < 0 ? ~source : source + (offset - printed.generated[low]!);
}
