/** Reads Snappy's block format, every kind of element, strictly: the other side of `snappyCompress`. */
export function unsnappy(input: Uint8Array): Buffer {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++]!;
    length |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  const output = Buffer.alloc(length);
  let used = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    if ((tag & 3) === 0) {
      let size = tag >> 2;
      if (size >= 60) {
        const bytes = size - 59;
        size = 0;
        for (let index = 0; index < bytes; index++) size |= input[at++]! << (8 * index);
      }
      size++;
      if (at + size > input.length || used + size > length) throw new Error("a literal goes beyond the end");
      output.set(input.subarray(at, at + size), used);
      at += size;
      used += size;
      continue;
    }
    const short = (tag & 3) === 1;
    const size = short ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    let offset = short ? (tag >> 5) << 8 : 0;
    const bytes = short ? 1 : (tag & 3) === 2 ? 2 : 4;
    for (let index = 0; index < bytes; index++) offset |= input[at++]! << (8 * index);
    if (offset === 0 || offset > used || used + size > length) throw new Error("a copy from outside");
    for (let index = 0; index < size; index++) output[used + index] = output[used + index - offset]!;
    used += size;
  }
  if (used !== length) throw new Error("shorter than it says");
  return output;
}
