import { createHash, randomBytes } from "node:crypto";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const ALGORITHMS: Readonly<Record<string, string>> = { MD5: "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" };

/** The `Authorization` that answers a `WWW-Authenticate: Digest …` (RFC 7616); undefined: not a challenge that can be answered. */
export function answerDigest(
  challenge: string,
  credentials: Credentials,
  method: string,
  path: string,
  body: Uint8Array | undefined,
  clientNonce = randomBytes(16).toString("hex"),
): string | undefined {
  const match = /^\s*Digest\s+(.*)$/is.exec(challenge);
  if (match === null) return undefined;
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [, name, inQuotes, bare] of match[1]!.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g))
    fields[name!.toLowerCase()] = inQuotes === undefined ? bare! : inQuotes.replace(/\\(.)/g, "$1");
  const { realm = "", nonce = "", opaque, algorithm = "MD5" } = fields;
  const isSession = algorithm.toUpperCase().endsWith("-SESS");
  const name = algorithm.toUpperCase().replace(/-SESS$/, "");
  const hashName = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (hashName === undefined) return undefined;
  const hash = (text: string | Uint8Array): string => createHash(hashName).update(text).digest("hex");
  const offers = (fields["qop"] ?? "").split(",").map((offer) => offer.trim().toLowerCase());
  const qop = offers.includes("auth") ? "auth" : offers.includes("auth-int") ? "auth-int" : "";
  if (qop === "" && fields["qop"] !== undefined) return undefined;

  const { username, password } = credentials;
  const secret = hash(`${username}:${realm}:${password}`);
  const first = isSession ? hash(`${secret}:${nonce}:${clientNonce}`) : secret;
  const second = hash(qop === "auth-int" ? `${method}:${path}:${hash(body ?? "")}` : `${method}:${path}`);
  const count = "00000001";
  const response = hash(
    qop === "" ? `${first}:${nonce}:${second}` : `${first}:${nonce}:${count}:${clientNonce}:${qop}:${second}`,
  );

  const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&").replace(/[\r\n]/g, "")}"`;
  const parts = [
    `username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(path)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(qop === "" ? [] : [`qop=${qop}`, `nc=${count}`, `cnonce="${clientNonce}"`]),
  ];
  return `Digest ${parts.join(", ")}`;
}
