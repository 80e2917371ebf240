import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

/** Nothing of another host, no inline script; styles by file only. `data:` images are the heatmap's and the icons'. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** On every answer, whatever it is. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/**
 * The built web interface. A file with a hash in its name never changes and may be kept for ever; anything else is asked for
 * again. An address that is no file and has no ending is a view of the interface: its page is index.html.
 */
export async function serveStatic(
  root: string,
  path: string,
  headers: Headers,
  nonce: string,
): Promise<Response | undefined> {
  const file = await findFile(root, path);
  if (file === undefined) return undefined;
  const body = await readFile(file);
  const html = file.endsWith(".html");
  const answer = new Headers({
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "cache-control": /[/\\]assets[/\\].*[-.][A-Za-z0-9_-]{8,}\.\w+$/.test(file)
      ? "public, max-age=31536000, immutable"
      : "no-cache",
  });
  if (html) {
    answer.set(
      "content-security-policy",
      CONTENT_SECURITY_POLICY.replace("style-src 'self'", `style-src 'self' 'nonce-${nonce}'`),
    );
    return new Response(body.toString("utf8").replaceAll("__CSP_NONCE__", nonce), { headers: answer });
  }
  answer.set("content-security-policy", CONTENT_SECURITY_POLICY);
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 16)}"`;
  answer.set("etag", tag);
  if (headers.get("if-none-match") === tag) return new Response(null, { status: 304, headers: answer });
  return new Response(new Uint8Array(body), { headers: answer });
}

async function findFile(root: string, path: string): Promise<string | undefined> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (decoded.includes("\0") || decoded.includes("\\")) return undefined;
  const inside = normalize(join(root, decoded));
  if (inside !== root && !inside.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
  if (await isFile(inside)) return inside;
  if (extname(decoded) !== "" && decoded.startsWith("/assets/")) return undefined;
  const index = join(root, "index.html");
  return (await isFile(index)) ? index : undefined;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
