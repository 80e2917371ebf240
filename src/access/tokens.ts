/**
 * The token file: one token a line.
 *
 *   # who may send, who may look
 *   ingest 3vX…   name=collector   tenants=shop,bank
 *   read   9Qp…   name=grafana
 *   admin  aB2…
 *
 * A token on several lines has what all of them give. Only SHA-256 digests are kept, and a token presented is compared with
 * every one of them in constant time, so that neither memory nor timing tells a token.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Clock } from "#runtime/clock.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import { NEEDS, type Need } from "./principal.ts";
import { isTenant } from "./tenant.ts";

export interface Token {
  readonly name: string;
  readonly digest: Buffer;
  readonly needs: ReadonlySet<Need>;
  readonly tenants: readonly string[] | undefined;
}

export interface ParsedTokens {
  readonly tokens: readonly Token[];
  /** What is allowed but unwise, as sentences. */
  readonly warnings: readonly string[];
}

export const MAX_TOKENS = 1_000;
const MAX_FILE_BYTES = 1 << 20;
const SHORT_TOKEN_LENGTH = 16;

export function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Parses a token file's text. Throws "config-invalid" naming the line. */
export function parseTokens(text: string): ParsedTokens {
  const warnings: string[] = [];
  const found = new Map<string, { name: string; digest: Buffer; needs: Set<Need>; tenants: string[] | undefined }>();
  text.split(/\r?\n/).forEach((line, index) => {
    const words = line.trim().split(/\s+/);
    const [need, token, ...settings] = words;
    if (need === undefined || need === "" || need.startsWith("#")) return;
    const where = `line ${index + 1}`;
    const wrong = (what: string): Failure => new Failure("config-invalid", `token file, ${where}: ${what}`);
    if (!NEEDS.includes(need as Need)) throw wrong(`expected "ingest", "read" or "admin" first`);
    if (token === undefined || token.startsWith("#")) throw wrong(`"${need}" is not followed by a token`);
    let name = where;
    let tenants: string[] | undefined;
    for (const setting of settings) {
      if (setting.startsWith("#")) break;
      const [key, value] = splitOnce(setting, "=");
      if (key === "name" && value !== undefined && value !== "") name = value;
      else if (key === "tenants" && value !== undefined) {
        tenants = value.split(",").filter((tenant) => tenant !== "");
        const bad = tenants.find((tenant) => !isTenant(tenant));
        if (tenants.length === 0 || bad !== undefined) throw wrong(`"${bad ?? ""}" is not a tenant`);
      } else throw wrong(`"${setting}" is neither name=… nor tenants=…`);
    }
    if (token.length < SHORT_TOKEN_LENGTH)
      warnings.push(
        `token file, ${where}: the token is shorter than ${SHORT_TOKEN_LENGTH} characters and can be guessed`,
      );
    const digest = digestOf(token);
    const key = digest.toString("hex");
    const known = found.get(key);
    if (known === undefined) found.set(key, { name, digest, needs: new Set([need as Need]), tenants });
    else {
      known.needs.add(need as Need);
      known.tenants = known.tenants === undefined || tenants === undefined ? undefined : [...known.tenants, ...tenants];
      if (known.name.startsWith("line ")) known.name = name;
    }
    if (found.size > MAX_TOKENS) throw wrong(`more than ${MAX_TOKENS} tokens`);
  });
  return { tokens: [...found.values()], warnings };
}

/** The token with this digest. Every candidate is compared, whichever fits. */
export function findToken(tokens: readonly Token[], digest: Buffer): Token | undefined {
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}

export interface TokenFile {
  /** The tokens as the file now says, looked at again at most once a second. */
  current(): readonly Token[];
}

const LOOK_AGAIN_MS = 1_000;

/**
 * Reads the file and throws "config-invalid" if that cannot be done. Later changes are taken in when somebody asks; a file
 * that cannot be read or parsed any more leaves the tokens as they were and is warned about once.
 */
export function openTokenFile(path: string, clock: Clock, warn: (message: string) => void): TokenFile {
  let seen = stamp(path);
  let tokens = read(path, warn);
  let lookedAtMs = clock.monotonicMs();
  return {
    current() {
      const nowMs = clock.monotonicMs();
      if (nowMs - lookedAtMs < LOOK_AGAIN_MS) return tokens;
      lookedAtMs = nowMs;
      const now = stamp(path);
      if (now === seen) return tokens;
      seen = now;
      try {
        tokens = read(path, warn);
      } catch (error) {
        warn(`${describeError(error)}; the tokens read before stay in force`);
      }
      return tokens;
    },
  };
}

/** Differs when the file was written, replaced or taken away. */
function stamp(path: string): string {
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
  } catch (error) {
    return describeError(error);
  }
}

function read(path: string, warn: (message: string) => void): readonly Token[] {
  let text: string;
  let mode: number;
  try {
    const status = statSync(path);
    if (status.size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
    mode = status.mode;
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("config-invalid", `cannot read the token file ${path}: ${describeError(cause)}`, { cause });
  }
  const { tokens, warnings } = parseTokens(text);
  if (tokens.length === 0) throw new Failure("config-invalid", `the token file ${path} has no token`);
  if ((mode & 0o077) !== 0) warn(`other users of this machine can read ${path}: chmod 600 ${path}`);
  for (const warning of warnings) warn(warning);
  return tokens;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
