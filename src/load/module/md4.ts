/**
 * MD4 (RFC 1320), which OpenSSL 3 keeps in a provider that Node does not load. Broken as a hash; here because k6/crypto has it
 * and NTLM is made of it. Returns 16 bytes.
 */
export function md4(message: Uint8Array): Uint8Array {
  const length = message.byteLength;
  const padded = new Uint8Array(((length + 8) >> 6) * 64 + 64);
  padded.set(message);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, (length << 3) >>> 0, true);
  view.setUint32(padded.length - 4, Math.floor(length / 2 ** 29), true);

  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  const words = new Int32Array(16);
  for (let block = 0; block < padded.length; block += 64) {
    for (let word = 0; word < 16; word++) words[word] = view.getInt32(block + word * 4, true);
    addBlock(state, words);
  }
  const digest = new Uint8Array(16);
  const out = new DataView(digest.buffer);
  for (let word = 0; word < 4; word++) out.setInt32(word * 4, state[word]!, true);
  return digest;
}

const ROUNDS = [
  {
    mix: (x: number, y: number, z: number) => (x & y) | (~x & z),
    constant: 0,
    shifts: [3, 7, 11, 19],
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  },
  {
    mix: (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    shifts: [3, 5, 9, 13],
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  },
  {
    mix: (x: number, y: number, z: number) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    shifts: [3, 9, 11, 15],
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
  },
] as const;

function addBlock(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (const { mix, constant, shifts, order } of ROUNDS)
    for (let step = 0; step < 16; step++) {
      const sum = (a + mix(b, c, d) + words[order[step]!]! + constant) | 0;
      const shift = shifts[step % 4]!;
      [a, b, c, d] = [d, (sum << shift) | (sum >>> (32 - shift)), b, c];
    }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}
