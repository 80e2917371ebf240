/** Bit 0 of a point's flags: there is no value on purpose, the series went stale. */
export const NO_RECORDED_VALUE = 1;

/** The halves of the quiet NaN that stands for "no value". */
export const NAN_LOW = 0;
export const NAN_HIGH = 0x7ff8_0000;

const halves = new Uint32Array(2);
const double = new Float64Array(halves.buffer);

/** Puts a signed 64-bit integer, given as halves, into `column` as the nearest double. */
export function setInteger(column: Uint32Array, row: number, low: number, high: number): void {
  double[0] = (high | 0) * 4_294_967_296 + low;
  column[row * 2] = halves[0]!;
  column[row * 2 + 1] = halves[1]!;
}

/** The double at `row` of a column of halves. */
export function readDouble(column: Uint32Array, row: number): number {
  halves[0] = column[row * 2]!;
  halves[1] = column[row * 2 + 1]!;
  return double[0]!;
}
