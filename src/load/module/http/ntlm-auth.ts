import { createHmac, randomBytes } from "node:crypto";
import { systemClock } from "#runtime/clock.ts";
import { md4 } from "../md4.ts";
import type { Credentials } from "./digest-auth.ts";

/**
 * NTLMv2 over HTTP ([MS-NLMP], [MS-NTHT]): a first message, the server's challenge, an answer. The connection is what is
 * authenticated, so the messages go over one kept connection.
 *
 * Flags: Unicode, request target, NTLM, always sign, extended session security, target info, 128 and 56 bit.
 */
const FLAGS = 0xa088_8205;
const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1");

export function negotiateMessage(): string {
  const message = Buffer.alloc(32);
  SIGNATURE.copy(message);
  message.writeUInt32LE(1, 8);
  message.writeUInt32LE(FLAGS, 12);
  return message.toString("base64");
}

/** Undefined: not a challenge. `random` is the 8 bytes of the client's own challenge. */
export function answerNtlm(
  challengeBase64: string,
  credentials: Credentials,
  random: Uint8Array = randomBytes(8),
  nowUnixMs: number = systemClock.nowMs(),
): string | undefined {
  const challenge = Buffer.from(challengeBase64, "base64");
  if (challenge.length < 48 || !challenge.subarray(0, 8).equals(SIGNATURE) || challenge.readUInt32LE(8) !== 2)
    return undefined;
  const serverChallenge = challenge.subarray(24, 32);
  const infoLength = challenge.readUInt16LE(40);
  const infoAt = challenge.readUInt32LE(44);
  if (infoAt + infoLength > challenge.length) return undefined;
  const targetInfo = challenge.subarray(infoAt, infoAt + infoLength);

  const { domain, user } = splitUser(credentials.username);
  const key = hmac(md4(utf16(credentials.password)), utf16(user.toUpperCase() + domain));
  const serverTime = timestampOf(targetInfo);
  const time = serverTime ?? windowsTime(nowUnixMs);
  const blob = Buffer.concat([
    Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]),
    time,
    random,
    Buffer.alloc(4),
    targetInfo,
    Buffer.alloc(4),
  ]);
  const ntAnswer = Buffer.concat([hmac(key, serverChallenge, blob), blob]);
  // With the server's time in the challenge the older answer is left empty ([MS-NLMP] 3.1.5.1.2).
  const lmAnswer =
    serverTime === undefined ? Buffer.concat([hmac(key, serverChallenge, random), random]) : Buffer.alloc(24);
  return authenticateMessage([lmAnswer, ntAnswer, utf16(domain), utf16(user), utf16(""), Buffer.alloc(0)]);
}

function authenticateMessage(fields: readonly Buffer[]): string {
  const head = Buffer.alloc(64);
  SIGNATURE.copy(head);
  head.writeUInt32LE(3, 8);
  let at = 64;
  for (const [index, field] of fields.entries()) {
    const where = 12 + index * 8;
    head.writeUInt16LE(field.length, where);
    head.writeUInt16LE(field.length, where + 2);
    head.writeUInt32LE(at, where + 4);
    at += field.length;
  }
  head.writeUInt32LE(FLAGS, 60);
  return Buffer.concat([head, ...fields]).toString("base64");
}

function splitUser(name: string): { readonly domain: string; readonly user: string } {
  const slash = name.indexOf("\\");
  return slash < 0 ? { domain: "", user: name } : { domain: name.slice(0, slash), user: name.slice(slash + 1) };
}

function utf16(text: string): Buffer {
  return Buffer.from(text, "utf16le");
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const made = createHmac("md5", key);
  for (const part of parts) made.update(part);
  return made.digest();
}

/** MsvAvTimestamp of a target info, if it is there. */
function timestampOf(info: Buffer): Buffer | undefined {
  for (let at = 0; at + 4 <= info.length; ) {
    const id = info.readUInt16LE(at);
    const length = info.readUInt16LE(at + 2);
    if (id === 0) return undefined;
    if (id === 7 && length === 8 && at + 12 <= info.length) return info.subarray(at + 4, at + 12);
    at += 4 + length;
  }
  return undefined;
}

/** 100 ns steps since 1601. */
function windowsTime(unixMs: number): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE((BigInt(Math.floor(unixMs)) + 11_644_473_600_000n) * 10_000n);
  return time;
}
