import type { ScriptModule } from "../script-module.ts";
import { arrayBufferOf, bytesOf } from "./bytes.ts";

const VARIANTS = ["std", "rawstd", "url", "rawurl"] as const;
type Variant = (typeof VARIANTS)[number];

function variantOf(value: unknown): Variant {
  if (value === undefined || value === "") return "std";
  if (VARIANTS.includes(value as Variant)) return value as Variant;
  throw new TypeError(`unknown base64 variant ${String(value)}: use one of ${VARIANTS.join(", ")}`);
}

function b64encode(input: unknown, encoding?: unknown): string {
  const variant = variantOf(encoding);
  const bytes = bytesOf(input, "input");
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const padded = buffer.toString("base64");
  if (variant === "std") return padded;
  if (variant === "rawstd") return padded.replace(/=+$/, "");
  const raw = buffer.toString("base64url");
  return variant === "rawurl" ? raw : raw.padEnd(Math.ceil(raw.length / 4) * 4, "=");
}

/** Strict, as k6 is: what is no base64 of the variant named is an error, not the part of it that can be read. */
function b64decode(input: unknown, encoding?: unknown, format?: unknown): ArrayBuffer | string {
  if (typeof input !== "string") throw new TypeError(`input must be a string, not ${typeof input}`);
  const variant = variantOf(encoding);
  const text = input.replaceAll(/[\r\n]/g, "");
  const isUrl = variant === "url" || variant === "rawurl";
  const isRaw = variant === "rawstd" || variant === "rawurl";
  const digits = text.replace(/={1,2}$/, "");
  const alphabet = isUrl ? /^[A-Za-z0-9_-]*$/ : /^[A-Za-z0-9+/]*$/;
  const isPadded = isRaw ? digits === text : text.length % 4 === 0;
  const wrong = alphabet.exec(digits) === null ? digits.search(isUrl ? /[^A-Za-z0-9_-]/ : /[^A-Za-z0-9+/]/) : undefined;
  if (wrong !== undefined || !isPadded || digits.length % 4 === 1)
    throw new Error(`illegal base64 data (${variant}) at input byte ${wrong ?? digits.length}`);
  const bytes = Buffer.from(digits, isUrl ? "base64url" : "base64");
  return format === "s" ? bytes.toString("utf8") : arrayBufferOf(bytes);
}

export const encodingModule: ScriptModule = { specifier: "k6/encoding", exports: { b64encode, b64decode } };
