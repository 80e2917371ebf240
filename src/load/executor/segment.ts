/**
 * A part of a run, `[from, to)` of the whole, so that several generators share one test without talking to each other.
 *
 * What can be counted (users, iterations, ticks of a rate) is dealt out in rounds of LCD slots, LCD being the least common
 * denominator of all parts' lengths. Slot i of a round goes to the longest part that is due: one that owns c slots already
 * and is n/LCD long is due at c × LCD / n. So parts are interleaved evenly instead of one taking the first half, every
 * generator finds its own slots alone, and together they take each slot exactly once. k6 deals in the same order
 * (its documentation of `execution-segment-sequence`), so runs can be shared with k6 itself.
 */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

export interface Segment {
  readonly from: Fraction;
  readonly to: Fraction;
}

/** The slots of one part: which of 0, 1, 2, … of the whole are its own. */
export interface Share {
  /** All of the whole. */
  readonly isWhole: boolean;
  readonly length: Fraction;
  /** How many of the first `count` slots are its own. */
  scale(count: number): number;
  /** The place in the whole of its own slot `index` (0, 1, …). */
  placeOf(index: number): number;
}

const MAX_DENOMINATOR = 1_000_000;

export class SegmentProblem extends Error {
  override readonly name = "SegmentProblem";
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

function fraction(numerator: number, denominator: number): Fraction {
  const divisor = gcd(numerator, denominator) || 1;
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

const compare = (a: Fraction, b: Fraction): number => a.numerator * b.denominator - b.numerator * a.denominator;

const subtract = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.numerator * b.denominator - b.numerator * a.denominator, a.denominator * b.denominator);

/** `1/3`, `0.25`, `25%`, `1`. */
function parseFraction(text: string): Fraction {
  const match = /^\s*(\d+)(?:\.(\d+))?(?:\s*\/\s*(\d+)|\s*(%))?\s*$/.exec(text);
  if (match === null || (match[2] !== undefined && match[3] !== undefined))
    throw new SegmentProblem(`\`${text}\` is no fraction; write 1/3, 0.25 or 25%`);
  const decimals = match[2] ?? "";
  const scale = 10 ** decimals.length;
  const denominator = scale * Number(match[3] ?? 1) * (match[4] === undefined ? 1 : 100);
  if (denominator === 0) throw new SegmentProblem(`\`${text}\` divides by zero`);
  const value = fraction(Number(match[1] + decimals), denominator);
  if (value.denominator > MAX_DENOMINATOR) throw new SegmentProblem(`\`${text}\` is finer than 1/${MAX_DENOMINATOR}`);
  return value;
}

/** `1/4:1/2`; `1/4` alone means `0:1/4`. */
export function parseSegment(text: string): Segment {
  const parts = text.split(":");
  if (parts.length > 2) throw new SegmentProblem(`\`${text}\` has more than one colon; write from:to`);
  const from = parts.length === 2 ? parseFraction(parts[0]!) : fraction(0, 1);
  const to = parseFraction(parts.at(-1)!);
  if (compare(to, fraction(1, 1)) > 0) throw new SegmentProblem(`\`${text}\` ends after 1`);
  if (compare(from, to) >= 0) throw new SegmentProblem(`\`${text}\` is empty: its start must be before its end`);
  return { from, to };
}

/** `0,1/4,1/2,1`: the borders of neighbouring segments. */
export function parseSequence(text: string): readonly Segment[] {
  const borders = text.split(",");
  if (borders.length < 2) throw new SegmentProblem(`\`${text}\` is no sequence; write its borders, like 0,1/4,1/2,1`);
  return borders.slice(1).map((to, index) => parseSegment(`${borders[index]!}:${to}`));
}

const printFraction = ({ numerator, denominator }: Fraction): string =>
  denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;

export const printSegment = ({ from, to }: Segment): string => `${printFraction(from)}:${printFraction(to)}`;

export function printSequence(sequence: readonly Segment[]): string {
  return [sequence[0]!.from, ...sequence.map(({ to }) => to)].map(printFraction).join(",");
}

const WHOLE: Segment = { from: fraction(0, 1), to: fraction(1, 1) };

/**
 * The share that `segment` has when the whole is divided as `sequence` says. Without a sequence the rest of the whole
 * counts as one part before and one after it; a sequence that does not begin at 0 or end at 1 is completed likewise.
 * Throws SegmentProblem when the segment is not one of the sequence's.
 */
export function shareOf(segmentText: string | undefined, sequenceText: string | undefined): Share {
  const segment = segmentText === undefined || segmentText === "" ? undefined : parseSegment(segmentText);
  const sequence = sequenceText === undefined || sequenceText === "" ? undefined : parseSequence(sequenceText);
  if (segment === undefined) {
    if (sequence !== undefined && sequence.length > 1)
      throw new SegmentProblem("a sequence of segments is given but not which of them this is (executionSegment)");
    return share([WHOLE], 0);
  }
  const parts = completed(sequence ?? [segment]);
  const index = parts.findIndex((part) => compare(part.from, segment.from) === 0 && compare(part.to, segment.to) === 0);
  if (index < 0)
    throw new SegmentProblem(`segment ${printSegment(segment)} is none of the sequence ${printSequence(parts)}`);
  return share(parts, index);
}

/** Divides one segment of a sequence into equal parts, one for each of several generators: the new sequence and its parts. */
export function divide(
  segmentText: string | undefined,
  sequenceText: string | undefined,
  count: number,
): { readonly segments: readonly string[]; readonly sequence: string } {
  const segment = segmentText === undefined || segmentText === "" ? WHOLE : parseSegment(segmentText);
  const around = completed(sequenceText === undefined || sequenceText === "" ? [segment] : parseSequence(sequenceText));
  const length = subtract(segment.to, segment.from);
  const borders = Array.from({ length: count + 1 }, (_, part) => {
    const step = fraction(length.numerator * part, length.denominator * count);
    return fraction(
      segment.from.numerator * step.denominator + step.numerator * segment.from.denominator,
      segment.from.denominator * step.denominator,
    );
  });
  const parts = borders.slice(1).map((to, index): Segment => ({ from: borders[index]!, to }));
  const sequence = around.flatMap((part) => (compare(part.from, segment.from) === 0 ? parts : [part]));
  return { segments: parts.map(printSegment), sequence: printSequence(sequence) };
}

function completed(sequence: readonly Segment[]): readonly Segment[] {
  const first = sequence[0]!.from;
  const last = sequence.at(-1)!.to;
  return [
    ...(compare(first, WHOLE.from) > 0 ? [{ from: WHOLE.from, to: first }] : []),
    ...sequence,
    ...(compare(last, WHOLE.to) < 0 ? [{ from: last, to: WHOLE.to }] : []),
  ];
}

function share(sequence: readonly Segment[], own: number): Share {
  const lengths = sequence.map(({ from, to }) => subtract(to, from));
  const lcd = lengths.reduce((sum, { denominator }) => (sum / gcd(sum, denominator)) * denominator, 1);
  if (lcd > MAX_DENOMINATOR)
    throw new SegmentProblem(
      `the segments' least common denominator is above ${MAX_DENOMINATOR}; use simpler fractions`,
    );
  const slots = ownSlots(
    lengths.map(({ numerator, denominator }) => (numerator * lcd) / denominator),
    lcd,
    own,
  );
  return {
    isWhole: slots.length === lcd,
    length: lengths[own]!,
    scale: (count) => {
      const rest = count % lcd;
      let low = 0;
      let high = slots.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (slots[middle]! < rest) low = middle + 1;
        else high = middle;
      }
      return Math.floor(count / lcd) * slots.length + low;
    },
    placeOf: (index) => Math.floor(index / slots.length) * lcd + slots[index % slots.length]!,
  };
}

/** The slots of one round that part `own` gets; `weights` add up to `lcd`. */
function ownSlots(weights: readonly number[], lcd: number, own: number): readonly number[] {
  const order = weights.map((_, index) => index).sort((a, b) => weights[b]! - weights[a]! || a - b);
  const taken = weights.map(() => 0);
  const slots: number[] = [];
  for (let slot = 0; slot < lcd; slot += 1) {
    const part = order.find((index) => taken[index]! * lcd <= slot * weights[index]!);
    if (part === undefined) continue;
    taken[part]! += 1;
    if (part === own) slots.push(slot);
  }
  return slots;
}
