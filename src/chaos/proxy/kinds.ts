import { Failure } from "#runtime/failure.ts";
import type { Attributes, Direction, ToxicKind } from "./toxic.ts";
import { bandwidth } from "./toxics/bandwidth.ts";
import { httpError } from "./toxics/http-error.ts";
import { latency } from "./toxics/latency.ts";
import { limitData } from "./toxics/limit-data.ts";
import { loss } from "./toxics/loss.ts";
import { resetPeer } from "./toxics/reset-peer.ts";
import { slicer } from "./toxics/slicer.ts";
import { slowClose } from "./toxics/slow-close.ts";
import { timeout } from "./toxics/timeout.ts";

/** Toxiproxy's seven and our two. */
export const TOXIC_TYPES = [
  "latency",
  "bandwidth",
  "slow_close",
  "timeout",
  "reset_peer",
  "slicer",
  "limit_data",
  "loss",
  "http_error",
] as const;

export function toxicKind(type: string, stream: Direction): ToxicKind | undefined {
  return KINDS[stream].find((kind) => kind.type === type);
}

const BOTH = [latency, bandwidth, slowClose, timeout, resetPeer, slicer, limitData, loss] as readonly unknown[];
const KINDS: Readonly<Record<Direction, readonly ToxicKind[]>> = {
  upstream: [...BOTH, httpError("upstream")] as readonly ToxicKind[],
  downstream: [...BOTH, httpError("downstream")] as readonly ToxicKind[],
};

/**
 * Attributes as given, over those that hold. Unknown names are ignored, as Toxiproxy does; a value of the wrong kind is a
 * Failure "bad-request" in the words of Go's decoder, which Toxiproxy's users know.
 */
export function mergeAttributes(kind: ToxicKind, held: Attributes, given: unknown): Attributes {
  if (given === undefined || given === null) return held;
  if (typeof given !== "object" || Array.isArray(given)) throw mismatch(given, "attributes", "struct");
  const merged: Record<string, number | string> = { ...held };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(kind.attributes, name) || value === null) continue;
    const isText = typeof kind.attributes[name] === "string";
    const isFraction = kind.fractions?.includes(name) === true;
    if (isText && typeof value !== "string") throw mismatch(value, `attributes.${name}`, "string");
    if (!isText && typeof value !== "number")
      throw mismatch(value, `attributes.${name}`, isFraction ? "float64" : "int64");
    if (typeof value === "number") {
      if (isFraction ? value < 0 || value > 1 : !Number.isSafeInteger(value))
        throw mismatch(value, `attributes.${name}`, isFraction ? "fraction" : "int64");
      if (name === "status" && (value < 200 || value > 599)) throw mismatch(value, `attributes.${name}`, "status");
    }
    merged[name] = value as number | string;
  }
  return merged;
}

function mismatch(value: unknown, field: string, wanted: string): Failure {
  const what = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const shown = what === "number" ? `number ${String(value)}` : what === "boolean" ? "bool" : what;
  return new Failure("bad-request", `json: cannot unmarshal ${shown} into Go struct field .${field} of type ${wanted}`);
}
