/** A `Set-Cookie` line as read (RFC 6265, section 5.2, with what Go's net/http accepts). */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
  /** Unix milliseconds; 0: none. */
  readonly expiresUnixMs: number;
  /** Seconds; 0: none given, below 0: at once. */
  readonly maxAge: number;
  readonly secure: boolean;
  readonly httpOnly: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Undefined: no cookie, to be ignored. */
export function parseSetCookie(line: string): SetCookie | undefined {
  const [first = "", ...attributes] = line.split(";");
  const equals = first.indexOf("=");
  const name = first.slice(0, equals).trim();
  if (equals < 1 || !TOKEN.test(name)) return undefined;
  const cookie = {
    name,
    value: unquoted(first.slice(equals + 1).trim()),
    domain: "",
    path: "",
    expiresUnixMs: 0,
    maxAge: 0,
    secure: false,
    httpOnly: false,
  };
  for (const attribute of attributes) {
    const at = attribute.indexOf("=");
    const key = (at < 0 ? attribute : attribute.slice(0, at)).trim().toLowerCase();
    const value = at < 0 ? "" : attribute.slice(at + 1).trim();
    if (key === "secure") cookie.secure = true;
    else if (key === "httponly") cookie.httpOnly = true;
    else if (key === "domain") cookie.domain = value;
    else if (key === "path") cookie.path = value;
    else if (key === "max-age" && /^-?\d{1,15}$/.test(value)) cookie.maxAge = Number(value) > 0 ? Number(value) : -1;
    else if (key === "expires") {
      const time = Date.parse(value.replaceAll("-", " "));
      // A time that passed before 1970 is still one that has passed.
      if (!Number.isNaN(time)) cookie.expiresUnixMs = Math.max(1, time);
    }
  }
  return cookie;
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** `name=value` as it may be sent: bytes that a cookie cannot hold are left out, values with blanks or commas quoted, as Go does. */
export function cookiePair(name: string, value: string): string {
  const kept = value.replace(/[^\x20-\x7e]|[";\\]/g, "");
  const cleanName = name.replace(/[\r\n]/g, "-");
  return `${cleanName}=${/[ ,]/.test(kept) ? `"${kept}"` : kept}`;
}
