import protobuf from "protobufjs";
import { dice } from "./dice.ts";

/**
 * Rewrites a protobuf message without changing what it says, in every way the encoding allows: fields in another order
 * (those of one number keep theirs), unknown fields between them, packed lists unpacked or split, lengths and tags as longer
 * varints than they need. What is within arrays and maps of attribute values is left alone: columns keep those bytes as
 * they came.
 */
export class Scrambler {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = dice(seed);
  }

  message(type: protobuf.Type, bytes: Uint8Array): Uint8Array {
    type.resolveAll();
    const reader = protobuf.Reader.create(bytes);
    const byNumber = new Map<number, Uint8Array[]>();
    while (reader.pos < bytes.length) {
      const tag = reader.uint32();
      const number = tag >>> 3;
      const field = type.fieldsById[number];
      const list = byNumber.get(number) ?? [];
      byNumber.set(number, list);
      if ((tag & 7) === 2) {
        const payload = Uint8Array.from(reader.bytes());
        const inner = field?.resolvedType;
        if (inner instanceof protobuf.Type && !/^(ArrayValue|KeyValueList)$/.test(inner.name)) {
          list.push(this.#field(number, this.message(inner, payload)));
        } else if (field?.repeated && field.packed) list.push(...this.#lists(field, payload));
        else list.push(this.#field(number, payload));
      } else {
        const start = reader.pos;
        reader.skipType(tag & 7);
        list.push(Buffer.concat([this.#varint(tag), bytes.subarray(start, reader.pos)]));
      }
    }
    if (this.#random() < 0.5) byNumber.set(3000, [this.#field(3000, Uint8Array.of(1, 2, 3))]);
    if (this.#random() < 0.3)
      byNumber.set(3001, [Buffer.concat([this.#varint((3001 << 3) | 5), Uint8Array.of(9, 9, 9, 9)])]);
    if (this.#random() < 0.3) byNumber.set(3002, [Buffer.concat([this.#varint((3002 << 3) | 1), new Uint8Array(8)])]);
    if (this.#random() < 0.3) byNumber.set(3003, [Buffer.concat([this.#varint(3003 << 3), this.#varint(70_000)])]);
    return this.#interleave([...byNumber.values()]);
  }

  /** A packed list as several, some of them not packed. */
  #lists(field: protobuf.Field, payload: Uint8Array): Uint8Array[] {
    const values: Uint8Array[] = [];
    const isVarint = field.type === "uint64";
    const reader = protobuf.Reader.create(payload);
    while (reader.pos < payload.length) {
      const start = reader.pos;
      reader.skipType(isVarint ? 0 : 1);
      values.push(payload.subarray(start, reader.pos));
    }
    const parts: Uint8Array[] = [];
    while (values.length > 0) {
      if (this.#random() < 0.5) {
        parts.push(Buffer.concat([this.#varint((field.id << 3) | (isVarint ? 0 : 1)), values.shift()!]));
      } else parts.push(this.#field(field.id, Buffer.concat(values.splice(0, 1 + Math.floor(this.#random() * 3)))));
    }
    return parts;
  }

  #field(number: number, payload: Uint8Array): Uint8Array {
    return Buffer.concat([this.#varint((number << 3) | 2), this.#varint(payload.length), payload]);
  }

  #varint(value: number): Uint8Array {
    const bytes: number[] = [];
    let rest = value >>> 0;
    while (rest > 0x7f) {
      bytes.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    bytes.push(rest);
    while (bytes.length < 9 && this.#random() < 0.1) {
      bytes[bytes.length - 1]! |= 0x80;
      bytes.push(0);
    }
    return Uint8Array.from(bytes);
  }

  #interleave(lists: Uint8Array[][]): Uint8Array {
    const parts: Uint8Array[] = [];
    let left = lists.filter((list) => list.length > 0);
    while (left.length > 0) {
      parts.push(left[Math.floor(this.#random() * left.length)]!.shift()!);
      left = left.filter((list) => list.length > 0);
    }
    return Uint8Array.from(Buffer.concat(parts));
  }
}
