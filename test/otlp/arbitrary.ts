import fc from "fast-check";
import protobuf from "protobufjs";
import type { Signal } from "#model/batch.ts";
import { encodeRequest, REQUEST } from "./reference.ts";

/**
 * Random OTLP requests as protobufjs objects, made from the official definitions, so that a field we forgot would show.
 * They keep OTLP's rules (ids, unique keys, buckets that fit their bounds), since rejecting is tested elsewhere.
 */
type Plain = Record<string, unknown>;

const text = fc.string({
  unit: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(..."abc.:/ 09") }, fc.constantFrom("é", "漢", "🙂", "\u0000")),
  maxLength: 40,
});
const long = (low: bigint, high: bigint) =>
  fc
    .oneof(fc.bigInt(low, high), fc.bigInt(low < 0n ? -300n : 0n, 300n), fc.constantFrom(low, high))
    .map((value) => value.toString());
const double = fc.oneof(
  fc.double(),
  fc.integer().map((value) => value / 8),
);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).filter((id) => id.some((byte) => byte !== 0));

function scalar(type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case "string":
      return text;
    case "bytes":
      return fc.uint8Array({ maxLength: 20 });
    case "bool":
      return fc.boolean();
    case "double":
      return double;
    case "uint32":
    case "fixed32":
      return fc.oneof(fc.nat(), fc.integer({ min: 0, max: 0xffff_ffff }));
    case "int32":
    case "sint32":
      return fc.integer();
    case "fixed64":
    case "uint64":
      return long(0n, 0xffff_ffff_ffff_ffffn);
    case "int64":
    case "sfixed64":
      return long(-(2n ** 63n), 2n ** 63n - 1n);
    default:
      throw new Error(`no arbitrary for ${type}`);
  }
}

function value(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Enum) return fc.integer({ min: 0, max: 30 });
  if (resolved instanceof protobuf.Type) return message(resolved, depth + 1);
  if (field.name === "traceId") return bytes(16);
  if (field.name === "spanId" || field.name === "parentSpanId") return bytes(8);
  // Few keys, so that records have the same ones in the same and in other places.
  if (field.name === "key") return fc.oneof(fc.constantFrom("", "a", "id", "http.route", "k8s.pod.name", "clé"), text);
  return scalar(field.type);
}

const REQUIRED = new Set(["Span.traceId", "Span.spanId", "Link.traceId", "Link.spanId", "Metric.name", "KeyValue.key"]);

function message(type: protobuf.Type, depth: number): fc.Arbitrary<Plain> {
  type.resolveAll();
  const inOneof = new Set(type.oneofsArray.filter((oneof) => !oneof.isProto3Optional).flatMap((oneof) => oneof.oneof));
  const plain: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of type.fieldsArray) {
    // Profiles' string tables are not for our signals, entity references name what no column holds.
    if (inOneof.has(field.name) || /Strindex$|^entityRefs$|^metadata$/.test(field.name)) continue;
    const one = value(field, depth);
    const isRequired = REQUIRED.has(`${type.name}.${field.name}`);
    plain[field.name] = field.repeated
      ? fc.array(one, { minLength: /^(Export|Scope|Resource.)/.test(type.name) ? 1 : 0, maxLength: 4, size: "max" })
      : isRequired
        ? one
        : fc.option(one, { nil: undefined, freq: 3 });
  }
  const oneofs = type.oneofsArray
    .filter((oneof) => !oneof.isProto3Optional)
    .map((oneof) => {
      const choices = oneof.fieldsArray.filter(
        (field) => !/Strindex$/.test(field.name) && !(depth > 8 && field.resolvedType instanceof protobuf.Type),
      );
      return fc.oneof(...choices.map((field) => value(field, depth).map((chosen) => ({ [field.name]: chosen }))));
    });
  return fc
    .tuple(fc.record(plain), ...oneofs)
    .map(([fields, ...chosen]) => settle(type, Object.assign({}, fields, ...chosen) as Plain));
}

/** Drops what is undefined and makes the message keep OTLP's rules. */
function settle(type: protobuf.Type, made: Plain): Plain {
  for (const [name, held] of Object.entries(made)) {
    if (held === undefined) delete made[name];
    else if (Array.isArray(held) && type.fields[name]?.type.endsWith("KeyValue") && type.name !== "KeyValueList") {
      const keys = new Set<unknown>();
      made[name] = held.filter((entry: Plain) => !keys.has(entry["key"]) && keys.add(entry["key"]));
    }
  }
  if (type.name === "Metric" && made["name"] === "") made["name"] = "m";
  if (type.name === "HistogramDataPoint") {
    const bounds = [...new Set((made["explicitBounds"] as number[]).filter((bound) => !Number.isNaN(bound)))].sort(
      (one, other) => one - other,
    );
    made["explicitBounds"] = bounds.filter((bound, index) => index === 0 || bound > bounds[index - 1]!);
    const counts = made["bucketCounts"] as unknown[];
    const needed = (made["explicitBounds"] as unknown[]).length + 1;
    if (needed > 1 || counts.length > 0) {
      made["bucketCounts"] = Array.from({ length: needed }, (_, index) => counts[index] ?? String(index));
    }
  }
  return made;
}

export const requests: Readonly<Record<Signal, fc.Arbitrary<Uint8Array>>> = {
  traces: encoded("traces"),
  logs: encoded("logs"),
  metrics: encoded("metrics"),
};

function encoded(signal: Signal): fc.Arbitrary<Uint8Array> {
  return fc
    .constant(undefined)
    .chain(() => message(REQUEST[signal], 0))
    .map((request) => encodeRequest(signal, request));
}
