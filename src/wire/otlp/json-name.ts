import type { Field, Message } from "./schema.ts";

/** A name a field goes by. `next` is what followed it last time: senders keep their order, so it is tried first. */
export interface Name {
  /** With the quote that ends it. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly field: Field;
  next: Name | undefined;
}

export interface Names {
  readonly all: readonly Name[];
  first: Name | undefined;
}

/** By message number. */
const known: Names[] = [];

/** The names of a message's fields, in both spellings. */
export function namesOf(message: Message): Names {
  let names = known[message.index];
  if (names === undefined) {
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    const all = message.fields.flatMap((field) => {
      const spellings = field.name === field.jsonName ? [field.name] : [field.jsonName, field.name];
      return spellings.map((spelling): Name => {
        const bytes = encode(`${spelling}"`);
        return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), field, next: undefined };
      });
    });
    names = { all, first: all[0] };
    known[message.index] = names;
  }
  return names;
}

/** The name that stands from `start` to `end`, where it is known. */
export function findName(names: Names, bytes: Uint8Array, start: number, end: number): Name | undefined {
  const length = end - start;
  for (const name of names.all) {
    if (name.bytes.length !== length + 1) continue;
    let index = 0;
    while (index < length && name.bytes[index] === bytes[start + index]) index++;
    if (index === length) return name;
  }
  return undefined;
}
