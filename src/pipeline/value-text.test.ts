import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AttributeType } from "#model/batch.ts";
import { ByteText } from "./byte-text.ts";
import { printDouble, printInt, printValue } from "./value-text.ts";

const target = new Uint8Array(40);
const decode = (length: number) => new TextDecoder().decode(target.subarray(3, length));

function intText(value: bigint): string {
  const bits = BigInt.asUintN(64, value);
  return decode(printInt(target, 3, Number(bits & 0xffff_ffffn), Number(bits >> 32n)));
}

function doubleText(value: number): string {
  const [low, high] = new Uint32Array(new Float64Array([value]).buffer);
  return decode(printDouble(target, 3, low!, high!));
}

function valueText(type: number, bytes: readonly number[]): string {
  const text = new ByteText();
  const body = Uint8Array.from([0x55, ...bytes, 0x55]);
  printValue(text, body, type, 1, bytes.length);
  return text.toString();
}

const hex = (text: string) => [...Buffer.from(text.replaceAll(/\s/g, ""), "hex")];

describe("numbers as text", () => {
  it("prints every 64-bit integer as itself", () => {
    for (let power = 0n; power < 64n; power++)
      for (const near of [-1n, 0n, 1n]) {
        const value = BigInt.asIntN(64, 2n ** power + near);
        expect([intText(value), intText(-value)]).toEqual([String(value), String(BigInt.asIntN(64, -value))]);
      }
    for (let power = 1n; power < 10n ** 19n; power *= 10n)
      for (const near of [-1n, 0n, 1n]) expect(intText(power + near)).toBe(String(BigInt.asIntN(64, power + near)));
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(intText(value)).toBe(String(value));
      }),
    );
  });

  it("prints doubles in the shortest form that reads back", () => {
    const table: [number, string][] = [
      [0, "0"],
      [-0, "-0"],
      [1, "1"],
      [-1.5, "-1.5"],
      [0.1 + 0.2, "0.30000000000000004"],
      [12.345678, "12.345678"],
      [999_999_999.999999, "999999999.999999"],
      [0.000001, "0.000001"],
      [0.0000015, "0.0000015"],
      [1e-7, "1e-7"],
      [1e21, "1e+21"],
      [123456789012345680000, "123456789012345680000"],
      [5e-324, "5e-324"],
      [Number.MAX_VALUE, "1.7976931348623157e+308"],
      [2 ** 32, "4294967296"],
      [Number.NaN, "NaN"],
      [Number.POSITIVE_INFINITY, "Infinity"],
      [Number.NEGATIVE_INFINITY, "-Infinity"],
    ];
    expect(table.map(([value]) => doubleText(value))).toEqual(table.map(([, text]) => text));
  });

  it("prints doubles as ECMAScript does", () => {
    const decimal = fc.tuple(fc.integer(), fc.nat(8)).map(([digits, places]) => digits / 10 ** places);
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.float(), decimal), (value) => {
        expect(doubleText(value)).toBe(Object.is(value, -0) ? "-0" : String(value));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("structured values as JSON", () => {
  it("prints arrays and maps in the sender's order, nested, with every type", () => {
    // [ "a\"\\\n\u0001é", true, -1, 0.5, bytes 00ff, [], {"k":{"":null}} ]
    const bytes = hex(`
      0a 0a  0a 08 61 22 5c 0a 01 c3 a9 7f
      0a 02  10 01
      0a 0b  18 ff ff ff ff ff ff ff ff ff 01
      0a 09  21 00 00 00 00 00 00 e0 3f
      0a 04  3a 02 00 ff
      0a 02  2a 00
      0a 0f  32 0d 0a 0b 0a 01 6b 12 06 32 04 0a 02 0a 00`);
    expect(valueText(AttributeType.array, bytes)).toBe(
      '["a\\"\\\\\\n\\u0001é\u007f",true,-1,0.5,"AP8=",[],{"k":{"":null}}]',
    );
  });

  it("quotes what JSON has no number for", () => {
    expect(valueText(AttributeType.array, hex("0a09 21 000000000000f87f  0a09 21 000000000000f0ff"))).toBe(
      '["NaN","-Infinity"]',
    );
  });

  it("takes the last of a oneof, skips unknown fields and keeps duplicate keys", () => {
    expect(valueText(AttributeType.array, hex("0a 08 1001 4a0178 1805 4005"))).toBe("[5]");
    expect(valueText(AttributeType.map, hex("0a07 0a0161 12021801 0a07 0a0161 12021802"))).toBe('{"a":1,"a":2}');
  });

  it("prints base64 with its padding, nothing for nothing", () => {
    for (const size of [0, 1, 2, 3, 4, 5, 6, 255]) {
      const bytes = Array.from({ length: size }, (_, i) => (i * 37 + 200) & 255);
      expect(valueText(AttributeType.bytes, bytes)).toBe(Buffer.from(bytes).toString("base64"));
    }
    expect(valueText(AttributeType.empty, [])).toBe("");
  });

  it("ends with balanced JSON, and never reads outside, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, isMap) => {
        const text = valueText(isMap ? AttributeType.map : AttributeType.array, [...bytes]);
        expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 3000 },
    );
    // Nested deeper than any reader lets through: cut off, not a stack overflow.
    let deep: number[] = [];
    for (let level = 0; level < 3000; level++) {
      const inner = [0x2a, ...varint(deep.length), ...deep];
      deep = [0x0a, ...varint(inner.length), ...inner];
    }
    expect(valueText(AttributeType.array, deep)).toMatch(/^\[+null\]+$/);
  });
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}
