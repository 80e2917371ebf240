import { systemClock } from "#runtime/clock.ts";
import { cookiesFor, emptyJar, type Jar, removeCookies, setCookie } from "./jar.ts";

const jars = new WeakMap<object, Jar>();

/** `http.CookieJar`, as scripts see it. */
export class CookieJar {
  constructor() {
    jars.set(this, emptyJar());
  }

  /** Name to values that a request to `url` would send. */
  cookiesForURL(url: string): Record<string, string[]> {
    const found: Record<string, string[]> = {};
    for (const { name, value } of cookiesFor(jarOf(this), parsed(url), systemClock.nowMs())) {
      if (Object.hasOwn(found, name)) found[name]!.push(value);
      else Object.defineProperty(found, name, { value: [value], enumerable: true, writable: true, configurable: true });
    }
    return found;
  }

  /** Throws where `url` or `options.expires` cannot be read. */
  set(url: string, name: string, value: string, options?: Readonly<Record<string, unknown>> | null): boolean {
    const expires = options?.["expires"];
    const expiresUnixMs = expires === undefined || expires === null ? 0 : Date.parse(String(expires));
    if (Number.isNaN(expiresUnixMs))
      throw new Error(
        `unable to parse "expires" date string "${String(expires)}" to a time; use "Mon, 02 Jan 2006 15:04:05 GMT"`,
      );
    const maxAge = Number(options?.["max_age"] ?? 0);
    return setCookie(
      jarOf(this),
      parsed(url),
      {
        name: String(name),
        value: String(value),
        domain: String(options?.["domain"] ?? ""),
        path: String(options?.["path"] ?? ""),
        expiresUnixMs: expires === undefined || expires === null ? 0 : Math.max(1, expiresUnixMs),
        maxAge: Number.isFinite(maxAge) ? maxAge : 0,
        secure: options?.["secure"] === true,
        httpOnly: options?.["http_only"] === true,
      },
      systemClock.nowMs(),
    );
  }

  clear(url: string): void {
    removeCookies(jarOf(this), parsed(url), systemClock.nowMs());
  }

  delete(url: string, name: string): void {
    removeCookies(jarOf(this), parsed(url), systemClock.nowMs(), String(name));
  }
}

/** The jar behind the object; undefined: it is no CookieJar. */
export function jarBehind(object: unknown): Jar | undefined {
  return typeof object === "object" && object !== null ? jars.get(object) : undefined;
}

/** A CookieJar for a jar that exists. */
export function jarObject(jar: Jar): CookieJar {
  const object = new CookieJar();
  jars.set(object, jar);
  return object;
}

function jarOf(object: CookieJar): Jar {
  const jar = jars.get(object);
  if (jar === undefined) throw new TypeError("not a CookieJar");
  return jar;
}

function parsed(url: unknown): URL {
  const text = String(url);
  if (!URL.canParse(text)) throw new Error(`invalid URL: ${JSON.stringify(text)}`);
  return new URL(text);
}
