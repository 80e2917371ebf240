/** Whether an id of 8 or 16 bytes is all zero, which OTLP says is no id. */
export function idIsZero(view: DataView, start: number, length: 8 | 16): boolean {
  let bits = view.getInt32(start, true) | view.getInt32(start + 4, true);
  if (length === 16) bits |= view.getInt32(start + 8, true) | view.getInt32(start + 12, true);
  return bits === 0;
}
