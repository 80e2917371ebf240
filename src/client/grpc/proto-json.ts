import protobuf from "protobufjs";

/**
 * proto3's JSON mapping (protobuf.dev, "ProtoJSON Format"): what k6 hands to and gets from scripts. Answers carry every field
 * that has no presence, with its default; 64-bit numbers are strings; bytes are base64; enums are names; well-known types have
 * their own forms.
 */
export function messageFromJson(type: protobuf.Type, value: unknown, root: protobuf.Root): protobuf.Message {
  return type.create(plainOf(type, value, type.name, root) as Record<string, unknown>);
}

export function messageToJson(type: protobuf.Type, message: protobuf.Message, root: protobuf.Root): unknown {
  return jsonOf(type, message as unknown as Message, root);
}

type Message = Readonly<Record<string, unknown>>;
interface Long {
  toNumber(): number;
  toString(): string;
}

/** The `long` package, which protobufjs brings along and types only as a constructor. */
const longs = protobuf.util.Long as unknown as {
  fromString(text: string, isUnsigned?: boolean): Long;
  fromNumber(value: number): Long;
};

const SIGNED_64 = new Set(["int64", "sint64", "sfixed64"]);
const UNSIGNED_64 = new Set(["uint64", "fixed64"]);
const SIGNED_32 = new Set(["int32", "sint32", "sfixed32"]);
const UNSIGNED_32 = new Set(["uint32", "fixed32"]);
const WRAPPER = /^\.google\.protobuf\.(Double|Float|Int64|UInt64|Int32|UInt32|Bool|String|Bytes)Value$/;
const MAX_DEPTH = 100;

function jsonNameOf(field: protobuf.Field): string {
  const written = field.options?.["json_name"];
  return typeof written === "string"
    ? written
    : field.name.replaceAll(/_+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
}

function wrong(path: string, expected: string, value: unknown): TypeError {
  const shown =
    value === null
      ? "null"
      : typeof value === "object"
        ? Array.isArray(value)
          ? "a list"
          : "an object"
        : JSON.stringify(value);
  return new TypeError(`${path}: expected ${expected}, not ${shown}`);
}

// --- JSON to message

function plainOf(type: protobuf.Type, value: unknown, path: string, root: protobuf.Root, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new TypeError(`${path}: nested more than ${MAX_DEPTH} deep`);
  const known = wellKnownFromJson(type, value, path, root, depth);
  if (known !== undefined) return known;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, "an object", value);
  const plain: Record<string, unknown> = {};
  const byName = fieldsByName(type);
  for (const [key, given] of Object.entries(value)) {
    const field = byName.get(key);
    if (field === undefined) throw new TypeError(`${path}: ${type.fullName.slice(1)} has no field ${key}`);
    if (given === null || given === undefined) {
      if (field.resolvedType?.fullName !== ".google.protobuf.Value") continue;
    }
    plain[field.name] = fieldFromJson(field, given, `${path}.${key}`, root, depth);
  }
  return plain;
}

const names = new WeakMap<protobuf.Type, Map<string, protobuf.Field>>();
function fieldsByName(type: protobuf.Type): Map<string, protobuf.Field> {
  let known = names.get(type);
  if (known === undefined) {
    known = new Map(
      type.fieldsArray.flatMap((field) => [[field.name, field] as const, [jsonNameOf(field), field] as const]),
    );
    names.set(type, known);
  }
  return known;
}

function fieldFromJson(
  field: protobuf.Field,
  value: unknown,
  path: string,
  root: protobuf.Root,
  depth: number,
): unknown {
  if (field instanceof protobuf.MapField) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, "an object", value);
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [
        key,
        oneFromJson(field, entry, `${path}[${JSON.stringify(key)}]`, root, depth),
      ]),
    );
  }
  if (!field.repeated) return oneFromJson(field, value, path, root, depth);
  if (!Array.isArray(value)) throw wrong(path, "a list", value);
  return value.map((entry, index) => oneFromJson(field, entry, `${path}[${index}]`, root, depth));
}

function oneFromJson(field: protobuf.Field, value: unknown, path: string, root: protobuf.Root, depth: number): unknown {
  const { resolvedType: type } = field;
  if (type instanceof protobuf.Enum) {
    if (type.fullName === ".google.protobuf.NullValue") return 0;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    const number = typeof value === "string" ? type.values[value] : undefined;
    if (number === undefined) throw wrong(path, `one of ${Object.keys(type.values).join(", ")}`, value);
    return number;
  }
  if (type instanceof protobuf.Type) return plainOf(type, value, path, root, depth + 1);
  return scalarFromJson(field.type, value, path);
}

function scalarFromJson(type: string, value: unknown, path: string): unknown {
  switch (type) {
    case "string":
      if (typeof value !== "string") throw wrong(path, "a string", value);
      return value;
    case "bool":
      if (typeof value !== "boolean") throw wrong(path, "true or false", value);
      return value;
    case "bytes":
      if (value instanceof ArrayBuffer) return new Uint8Array(value);
      if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      if (typeof value !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw wrong(path, "base64", value);
      return Buffer.from(value, "base64");
    case "double":
    case "float": {
      const number = value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : numeric(value);
      if (number === undefined) throw wrong(path, "a number", value);
      return number;
    }
    default:
      return integerFromJson(type, value, path);
  }
}

function numeric(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value)) ? Number(value) : undefined;
}

function integerFromJson(type: string, value: unknown, path: string): unknown {
  const isLong = SIGNED_64.has(type) || UNSIGNED_64.has(type);
  let integer: bigint;
  try {
    if (typeof value !== "number" && typeof value !== "string" && typeof value !== "bigint")
      throw new TypeError("no number");
    integer = BigInt(value);
  } catch {
    throw wrong(path, `a whole number (${type})`, typeof value === "bigint" ? String(value) : value);
  }
  const isUnsigned = UNSIGNED_64.has(type) || UNSIGNED_32.has(type);
  if (!isUnsigned && !SIGNED_64.has(type) && !SIGNED_32.has(type)) throw new TypeError(`${path}: unknown type ${type}`);
  const bits = isLong ? 64 : 32;
  const fits = isUnsigned ? BigInt.asUintN(bits, integer) : BigInt.asIntN(bits, integer);
  if (fits !== integer) throw new TypeError(`${path}: ${integer} does not fit ${type}`);
  return isLong ? longs.fromString(String(integer), isUnsigned) : Number(integer);
}

function wellKnownFromJson(
  type: protobuf.Type,
  value: unknown,
  path: string,
  root: protobuf.Root,
  depth: number,
): unknown {
  const name = type.fullName;
  if (!name.startsWith(".google.protobuf.")) return undefined;
  const wrapper = WRAPPER.exec(name);
  if (wrapper !== null) return { value: scalarFromJson(type.fields["value"]!.type, value, path) };
  switch (name) {
    case ".google.protobuf.Timestamp":
      return timestampFromJson(value, path);
    case ".google.protobuf.Duration": {
      const parts = typeof value === "string" ? /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(value) : null;
      if (parts === null) throw wrong(path, 'a duration such as "1.5s"', value);
      const sign = parts[1] === "-" ? -1 : 1;
      return {
        seconds: longs.fromString(`${parts[1]}${parts[2]}`),
        nanos: sign * Number((parts[3] ?? "").padEnd(9, "0")),
      };
    }
    case ".google.protobuf.FieldMask":
      if (typeof value !== "string") throw wrong(path, "a string of field names", value);
      return {
        paths: value
          .split(",")
          .filter((entry) => entry !== "")
          .map((entry) => entry.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
      };
    case ".google.protobuf.Struct":
      return structFromJson(value, path, structTypes(root), depth);
    case ".google.protobuf.ListValue":
      if (!Array.isArray(value)) throw wrong(path, "a list", value);
      return {
        values: value.map((entry, index) => valueFromJson(entry, `${path}[${index}]`, structTypes(root), depth + 1)),
      };
    case ".google.protobuf.Value":
      return valueFromJson(value, path, structTypes(root), depth);
    case ".google.protobuf.Any":
      return anyFromJson(value, path, root, depth);
    default:
      return undefined;
  }
}

function timestampFromJson(value: unknown, path: string): unknown {
  const parts =
    typeof value === "string"
      ? /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(value)
      : null;
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (parts === null || Number.isNaN(ms)) throw wrong(path, "a time such as 2026-01-02T03:04:05Z", value);
  return {
    seconds: longs.fromNumber(Math.floor(ms / 1000)),
    nanos: Number((parts[2] ?? "").padEnd(9, "0")),
  };
}

/** The types of struct.proto, whose fields are named `number_value` or `numberValue` by where they were read from. */
interface StructTypes {
  readonly value: protobuf.Type;
}

function structTypes(root: protobuf.Root): StructTypes {
  return { value: root.lookupType("google.protobuf.Value") };
}

const VALUE_FIELD = { null: 1, number: 2, string: 3, bool: 4, struct: 5, list: 6 } as const;

function structFromJson(value: unknown, path: string, types: StructTypes, depth: number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, "an object", value);
  return {
    fields: Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, valueFromJson(entry, `${path}.${key}`, types, depth + 1)]),
    ),
  };
}

function valueFromJson(value: unknown, path: string, types: StructTypes, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new TypeError(`${path}: nested more than ${MAX_DEPTH} deep`);
  const as = (kind: keyof typeof VALUE_FIELD, content: unknown): Record<string, unknown> => ({
    [types.value.fieldsById[VALUE_FIELD[kind]]!.name]: content,
  });
  if (value === null || value === undefined) return as("null", 0);
  if (typeof value === "number") return as("number", value);
  if (typeof value === "string") return as("string", value);
  if (typeof value === "boolean") return as("bool", value);
  if (Array.isArray(value))
    return as("list", {
      values: value.map((entry, index) => valueFromJson(entry, `${path}[${index}]`, types, depth + 1)),
    });
  return as("struct", structFromJson(value, path, types, depth));
}

function anyFromJson(value: unknown, path: string, root: protobuf.Root, depth: number): unknown {
  if (typeof value !== "object" || value === null) throw wrong(path, "an object with @type", value);
  const { "@type": url, ...rest } = value as Record<string, unknown>;
  if (typeof url !== "string") throw new TypeError(`${path}: @type is missing`);
  const type = typeOf(root, url);
  if (type === undefined) throw new TypeError(`${path}: unknown type ${url}`);
  const inner = isSpecial(type) ? rest["value"] : rest;
  return {
    type_url: url,
    value: type.encode(type.create(plainOf(type, inner, path, root, depth + 1) as object)).finish(),
  };
}

// --- message to JSON

function jsonOf(type: protobuf.Type, message: Message, root: protobuf.Root): unknown {
  const known = wellKnownToJson(type, message, root);
  if (known !== undefined) return known.json;
  const json: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const isSet =
      Object.hasOwn(message, field.name) && message[field.name] !== undefined && message[field.name] !== null;
    const name = jsonNameOf(field);
    if (field instanceof protobuf.MapField) {
      const entries = Object.entries((isSet ? message[field.name] : {}) as Message);
      json[name] = Object.fromEntries(
        entries.map(([key, value]) => [mapKey(field.keyType, key), oneToJson(field, value, root)]),
      );
    } else if (field.repeated) {
      const list = isSet ? (message[field.name] as unknown[]) : [];
      json[name] = list.map((value) => oneToJson(field, value, root));
    } else if (isSet) json[name] = oneToJson(field, message[field.name], root);
    else if (field.partOf === null || field.partOf === undefined) json[name] = defaultOf(field);
  }
  return json;
}

/** Fields without presence are written with their default, messages as null; what is in a oneof or optional is left out. */
function defaultOf(field: protobuf.Field): unknown {
  const { resolvedType: type } = field;
  if (type instanceof protobuf.Enum) return type.valuesById[0] ?? 0;
  if (type instanceof protobuf.Type) return null;
  switch (field.type) {
    case "string":
    case "bytes":
      return "";
    case "bool":
      return false;
    default:
      return SIGNED_64.has(field.type) || UNSIGNED_64.has(field.type) ? "0" : 0;
  }
}

/** protobufjs keys maps of 64-bit numbers by their eight bytes as text. */
function mapKey(keyType: string, key: string): string {
  if (!SIGNED_64.has(keyType) && !UNSIGNED_64.has(keyType)) return key;
  return key.length === 8 ? String(protobuf.util.longFromHash(key, UNSIGNED_64.has(keyType))) : key;
}

function oneToJson(field: protobuf.Field, value: unknown, root: protobuf.Root): unknown {
  const { resolvedType: type } = field;
  if (type instanceof protobuf.Enum) {
    if (type.fullName === ".google.protobuf.NullValue") return null;
    return type.valuesById[value as number] ?? value;
  }
  if (type instanceof protobuf.Type) return jsonOf(type, value as Message, root);
  return scalarToJson(field.type, value);
}

function scalarToJson(type: string, value: unknown): unknown {
  if (type === "bytes") return Buffer.from(value as Uint8Array).toString("base64");
  if (SIGNED_64.has(type) || UNSIGNED_64.has(type)) return String(value as Long | number);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
}

/** `{ json }` of a well-known type; undefined of another. */
function wellKnownToJson(
  type: protobuf.Type,
  message: Message,
  root: protobuf.Root,
): { readonly json: unknown } | undefined {
  const name = type.fullName;
  if (!name.startsWith(".google.protobuf.")) return undefined;
  if (WRAPPER.test(name)) {
    const field = type.fields["value"]!;
    return { json: Object.hasOwn(message, "value") ? scalarToJson(field.type, message["value"]) : defaultOf(field) };
  }
  switch (name) {
    case ".google.protobuf.Timestamp":
      return {
        json: `${new Date(secondsOf(message) * 1000).toISOString().slice(0, 19)}${fraction(nanosOf(message))}Z`,
      };
    case ".google.protobuf.Duration": {
      const [seconds, nanos] = [secondsOf(message), nanosOf(message)];
      const sign = seconds < 0 || nanos < 0 ? "-" : "";
      return { json: `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s` };
    }
    case ".google.protobuf.FieldMask":
      return {
        json: ((message["paths"] ?? []) as string[])
          .map((path) => path.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
          .join(","),
      };
    case ".google.protobuf.Struct":
      return { json: structToJson(message, structTypes(root)) };
    case ".google.protobuf.ListValue":
      return { json: ((message["values"] ?? []) as Message[]).map((value) => valueToJson(value, structTypes(root))) };
    case ".google.protobuf.Value":
      return { json: valueToJson(message, structTypes(root)) };
    case ".google.protobuf.Any": {
      const url = (message["type_url"] ?? "") as string;
      const inner = typeOf(root, url);
      const bytes = (message["value"] ?? new Uint8Array()) as Uint8Array;
      if (inner === undefined) return { json: { "@type": url, value: Buffer.from(bytes).toString("base64") } };
      const json = messageToJson(inner, inner.decode(bytes), root);
      return { json: isSpecial(inner) ? { "@type": url, value: json } : { "@type": url, ...(json as object) } };
    }
    default:
      return undefined;
  }
}

function structToJson(message: Message, types: StructTypes): unknown {
  return Object.fromEntries(
    Object.entries((message["fields"] ?? {}) as Record<string, Message>).map(([key, value]) => [
      key,
      valueToJson(value, types),
    ]),
  );
}

function valueToJson(message: Message, types: StructTypes): unknown {
  const content = (kind: keyof typeof VALUE_FIELD): unknown => {
    const { name } = types.value.fieldsById[VALUE_FIELD[kind]]!;
    return Object.hasOwn(message, name) ? message[name] : undefined;
  };
  const scalar = content("number") ?? content("string") ?? content("bool");
  if (scalar !== undefined) return scalar;
  const struct = content("struct") as Message | undefined;
  if (struct !== undefined) return structToJson(struct, types);
  const list = content("list") as Message | undefined;
  if (list !== undefined) return ((list["values"] ?? []) as Message[]).map((value) => valueToJson(value, types));
  return null;
}

function secondsOf(message: Message): number {
  const seconds = message["seconds"] as Long | number | undefined;
  return seconds === undefined ? 0 : typeof seconds === "number" ? seconds : seconds.toNumber();
}

function nanosOf(message: Message): number {
  return (message["nanos"] ?? 0) as number;
}

/** None, three, six or nine digits, as the mapping asks. */
function fraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  if (digits.endsWith("000000")) return `.${digits.slice(0, 3)}`;
  return digits.endsWith("000") ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

function typeOf(root: protobuf.Root, url: string): protobuf.Type | undefined {
  const found = root.lookup(url.slice(url.lastIndexOf("/") + 1), [protobuf.Type]);
  return found instanceof protobuf.Type ? found : undefined;
}

function isSpecial(type: protobuf.Type): boolean {
  return (
    WRAPPER.test(type.fullName) ||
    /^\.google\.protobuf\.(Timestamp|Duration|FieldMask|Struct|ListValue|Value|Any)$/.test(type.fullName)
  );
}
