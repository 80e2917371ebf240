import { deflateSync, gzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { checkBatch } from "../../test/otlp/check-batch.ts";
import { dice } from "../../test/otlp/dice.ts";
import { printJson } from "../../test/otlp/print-json.ts";
import { REQUEST } from "../../test/otlp/reference.ts";
import { Scrambler } from "../../test/otlp/scramble.ts";
import type { ContentEncoding } from "./compression.ts";
import { DECODE_LIMITS, type DecodeLimits } from "./limits.ts";
import { type ContentType, type DecodeOutcome, decodeOtlp } from "./otlp.ts";
import { buildLogs, buildMetrics, buildTraces } from "./otlp-build.ts";

/**
 * Feeds the decoder bodies that are almost right: real ones with bytes changed, cut, doubled, spliced and nested, as
 * protobuf, JSON and compressed, under ordinary and under tiny limits. Whatever comes, the answer is a batch that keeps every
 * promise of model/batch.ts or one of three Failures, twice the same, within the limits on memory. Anything else throws, with
 * the input.
 */
export interface FuzzOptions {
  readonly iterations: number;
  readonly seed: number;
}

export interface FuzzReport {
  readonly decoded: number;
  readonly refused: number;
  /** Records of the batches that were decoded, so that one can see that it was not all refusals. */
  readonly records: number;
}

interface Body {
  readonly signal: Signal;
  readonly contentType: ContentType;
  readonly contentEncoding: ContentEncoding;
  readonly bytes: Uint8Array;
}

const EXPECTED = new Set(["bad-payload", "too-large", "unsupported-media"]);

const LIMITS: readonly DecodeLimits[] = [
  { ...DECODE_LIMITS, decompressedBytes: 1_000_000, columnBytes: 1_000_000 },
  {
    decompressedBytes: 200_000,
    columnBytes: 100_000,
    records: 40,
    attributes: 3,
    keyBytes: 12,
    keysPerBatch: 10,
    valueBytes: 9,
    textBytes: 11,
    nesting: 2,
    eventsPerSpan: 1,
    linksPerSpan: 1,
    bucketsPerPoint: 15,
    exemplarsPerPoint: 1,
  },
];

/** Bytes that mean something in protobuf or JSON. */
const TELLING = [
  0,
  1,
  2,
  8,
  9,
  0x0a,
  0x0b,
  0x0d,
  0x12,
  0x1a,
  0x2a,
  0x32,
  0x7f,
  0x80,
  0xff,
  0xc3,
  0xed,
  ...Buffer.from('"\\{}[],:-e0u'),
];

export function fuzzDecoders({ iterations, seed }: FuzzOptions): FuzzReport {
  const random = dice(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const corpus = bodies(seed);
  let decoded = 0;
  let refused = 0;
  let records = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const from = corpus[below(corpus.length)]!;
    const isPlain = from.contentType === "protobuf" && from.contentEncoding === "identity";
    const bytes =
      isPlain && below(2) === 0
        ? restructured(from.bytes, below, 1 + below(3))
        : mutated(from.bytes, corpus[below(corpus.length)]!.bytes, below);
    // In turns, since a change of limits makes the decoder build its tables anew.
    const limits = LIMITS[(iteration >>> 8) % 4 === 3 ? 1 : 0]!;
    const input: Body = { ...from, bytes };
    const outcome = attempt(input, limits, iteration % 16 === 0);
    if (outcome === undefined) refused++;
    else {
      decoded++;
      records += outcome.accepted;
    }
  }
  return { decoded, refused, records };
}

function attempt(input: Body, limits: DecodeLimits, twice: boolean): DecodeOutcome | undefined {
  const { signal, bytes, ...options } = input;
  const before = Buffer.from(bytes);
  try {
    const outcome = decodeOtlp(signal, bytes, { ...options, limits });
    if (outcome.batch.count !== outcome.accepted) throw new Error("accepted is not what the batch holds");
    if (outcome.batch.resources.attributes.offset.buffer.byteLength > limits.columnBytes) {
      throw new Error("the columns are larger than their limit");
    }
    checkBatch(outcome.batch, limits.nesting);
    if (twice) {
      const again = decodeOtlp(signal, bytes, { ...options, limits });
      if (print(outcome) !== print(again)) throw new Error("decoding twice gave two results");
    }
    if (before.compare(bytes) !== 0) throw new Error("decoding changed the body");
    return outcome;
  } catch (error) {
    if (error instanceof Failure && EXPECTED.has(error.code)) return undefined;
    const form = `${signal} ${options.contentType} ${options.contentEncoding}`;
    throw new Error(`${form} under ${JSON.stringify(limits)}: ${before.toString("base64")}`, { cause: error });
  }
}

function print(outcome: DecodeOutcome): string {
  return JSON.stringify(outcome, (_, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
    if (ArrayBuffer.isView(value))
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
    return value;
  });
}

/** Real bodies in every form the decoder takes. */
function bodies(seed: number): Body[] {
  const build = { traces: buildTraces, logs: buildLogs, metrics: buildMetrics };
  return SIGNALS.flatMap((signal) => {
    const plain = build[signal]({ records: 12, resources: 2 }, seed);
    const nested = nestedLogs();
    const json = printJson(signal, plain, dice(seed));
    const scrambled = new Scrambler(seed).message(REQUEST[signal], plain);
    const forms: readonly (readonly [ContentType, ContentEncoding, Uint8Array])[] = [
      ["protobuf", "identity", plain],
      ["protobuf", "identity", scrambled],
      ["protobuf", "identity", signal === "logs" ? nested : plain],
      ["protobuf", "gzip", gzipSync(plain)],
      ["protobuf", "deflate", deflateSync(scrambled)],
      ["protobuf", "zstd", rawZstd(plain)],
      ["json", "identity", json],
      ["json", "identity", printJson(signal, signal === "logs" ? nested : plain)],
      ["json", "gzip", gzipSync(json)],
    ];
    return forms.map(([contentType, contentEncoding, bytes]) => ({ signal, contentType, contentEncoding, bytes }));
  });
}

/** Log records whose bodies and attributes are arrays and maps within each other. */
function nestedLogs(): Uint8Array {
  const value = (depth: number): object =>
    depth === 0
      ? { stringValue: "leaf é" }
      : depth % 2 === 0
        ? { arrayValue: { values: [value(depth - 1), { intValue: depth }, { doubleValue: 1.5 }] } }
        : {
            kvlistValue: {
              values: [
                { key: "k", value: value(depth - 1) },
                { key: "b", value: { bytesValue: Buffer.from("xyz") } },
              ],
            },
          };
  const logRecords = [1, 3, 6].map((depth) => ({
    body: value(depth),
    attributes: [{ key: "a", value: value(depth) }],
  }));
  const type = REQUEST.logs;
  return Uint8Array.from(type.encode(type.fromObject({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })).finish());
}

/** A zstd frame of one raw block, which needs no encoder. */
function rawZstd(bytes: Uint8Array): Uint8Array {
  const head = (bytes.length << 3) | 1;
  return Buffer.concat([
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, head & 0xff, (head >>> 8) & 0xff, head >>> 16),
    bytes,
  ]);
}

type Below = (limit: number) => number;

/** Changes bytes wherever they stand, which mostly breaks a length somewhere. */
function mutated(body: Uint8Array, other: Uint8Array, below: Below): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(body);
  for (let change = below(below(3) + 1); change >= 0; change--) {
    const at = below(bytes.length + 1);
    const length = below(below(8) === 0 ? 200 : 12);
    switch (below(9)) {
      case 0:
        if (bytes.length > 0) bytes[at % bytes.length]! ^= 1 << below(8);
        break;
      case 1:
        if (bytes.length > 0) bytes[at % bytes.length] = TELLING[below(TELLING.length)]!;
        break;
      case 2:
        if (bytes.length > 0) bytes[at % bytes.length] = below(256);
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1), at), bytes.subarray(at)]);
        break;
      case 6: {
        const start = below(other.length);
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(start, start + length), bytes.subarray(at)]);
        break;
      }
      case 7: {
        const filler = new Uint8Array(length).fill(TELLING[below(TELLING.length)]!);
        bytes = Buffer.concat([bytes.subarray(0, at), filler, bytes.subarray(at)]);
        break;
      }
      default:
        // One byte more or less in what may be a length.
        if (bytes.length > 0) bytes[at % bytes.length]! += below(2) === 0 ? 1 : 255;
    }
  }
  return Uint8Array.from(bytes);
}

/** Changes fields of a protobuf message and keeps the lengths around them right, so that readers get to see them. */
function restructured(bytes: Uint8Array, below: Below, changes: number): Uint8Array {
  let changed = bytes;
  for (let change = 0; change < changes; change++) changed = changeMessage(changed, below) ?? changed;
  return Uint8Array.from(changed);
}

interface FieldBytes {
  readonly tag: number;
  readonly payload: Uint8Array;
}

/** Changes one field of a message or, more often, of one within it; undefined where the bytes are no message. */
function changeMessage(bytes: Uint8Array, below: Below): Uint8Array | undefined {
  const fields = split(bytes);
  if (fields === undefined || fields.length === 0) return undefined;
  const index = below(fields.length);
  const { tag, payload } = fields[index]!;
  const inner = (tag & 7) === 2 && below(4) > 0 ? changeMessage(payload, below) : undefined;
  if (inner !== undefined) fields[index] = { tag, payload: inner };
  else {
    switch (below(6)) {
      case 0:
        fields.splice(index, 1);
        break;
      case 1:
        fields.splice(below(fields.length), 0, fields[index]!);
        break;
      case 2:
        fields[index] = { tag: (below(20) + 1) * 8 + (tag & 7), payload };
        break;
      case 3:
        fields[index] = { tag: (tag & ~7) | 2, payload: Uint8Array.from({ length: below(20) }, () => below(256)) };
        break;
      case 4:
        fields.splice(below(fields.length), 0, fields.splice(index, 1)[0]!);
        break;
      default:
        if (payload.length > 0 && (tag & 7) !== 0) {
          const damaged = Uint8Array.from(payload);
          damaged[below(payload.length)] = TELLING[below(TELLING.length)]!;
          fields[index] = { tag, payload: damaged };
        }
    }
  }
  return Buffer.concat(
    fields.flatMap((field) =>
      (field.tag & 7) === 2
        ? [varint(field.tag), varint(field.payload.length), field.payload]
        : [varint(field.tag), field.payload],
    ),
  );
}

function split(bytes: Uint8Array): FieldBytes[] | undefined {
  const reader = protobuf.Reader.create(bytes);
  const fields: FieldBytes[] = [];
  try {
    while (reader.pos < bytes.length) {
      const tag = reader.uint32();
      if (tag < 8 || (tag & 7) === 3) return undefined;
      const start = reader.pos;
      if ((tag & 7) === 2) fields.push({ tag, payload: reader.bytes() });
      else {
        reader.skipType(tag & 7);
        fields.push({ tag, payload: bytes.subarray(start, reader.pos) });
      }
    }
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  return fields;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
