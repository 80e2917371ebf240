/**
 * A recording of a browser (HTTP Archive 1.2) as a script: the requests of each page in a group, in their order, with the
 * pauses between pages. Cookies and what the browser adds by itself are left out: the script's users have jars of their own.
 */
export interface HarOptions {
  /** Hosts to keep; all when empty. */
  readonly only: readonly string[];
  /** Hosts to leave out. */
  readonly skip: readonly string[];
  /** Check that each answer has the recorded status. */
  readonly checksStatus: boolean;
  /** Requests that began within so many milliseconds of each other go out together; 0: one after the other. */
  readonly batchMs: number;
  /** Pauses between pages are kept up to so many seconds. */
  readonly maxPauseSeconds: number;
  /** Keep images, styles, fonts and scripts. */
  readonly keepsStatic: boolean;
}

export const HAR_DEFAULTS: HarOptions = {
  only: [],
  skip: [],
  checksStatus: true,
  batchMs: 500,
  maxPauseSeconds: 20,
  keepsStatic: false,
};

interface Pair {
  readonly name: string;
  readonly value: string;
}
interface HarEntry {
  readonly pageref?: string;
  readonly startedDateTime: string;
  readonly time?: number;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers?: readonly Pair[];
    readonly postData?: { readonly mimeType?: string; readonly text?: string; readonly params?: readonly Pair[] };
  };
  readonly response: { readonly status: number; readonly content?: { readonly mimeType?: string } };
}
interface Har {
  readonly log?: {
    readonly pages?: readonly { readonly id: string; readonly title?: string; readonly startedDateTime: string }[];
    readonly entries?: readonly HarEntry[];
  };
}

/** What clients send by themselves, or what belongs to one recorded session. */
const OWN_HEADERS = new Set(
  "host connection content-length cookie accept-encoding user-agent if-none-match if-modified-since pragma cache-control upgrade-insecure-requests priority te".split(
    " ",
  ),
);
const STATIC = /^(image|font|audio|video)\/|^text\/(css|javascript)|javascript|font/;

/** Throws when it is no HAR, or when nothing is left of it. */
export function convertHar(text: string, given: Partial<HarOptions> = {}): string {
  const options = { ...HAR_DEFAULTS, ...given };
  const har = JSON.parse(text) as Har;
  if (!Array.isArray(har.log?.entries)) throw new Error("this is no HAR: it has no `log.entries`");
  const entries = har.log.entries
    .filter((entry) => isKept(entry, options))
    .map((entry) => ({ entry, startMs: Date.parse(entry.startedDateTime) }))
    .sort((a, b) => a.startMs - b.startMs);
  if (entries.length === 0) throw new Error("no request is left of this recording: see --only, --skip and --static");
  const titles = new Map(har.log.pages?.map(({ id, title }) => [id, title ?? id]));
  const pages: { title: string; requests: typeof entries }[] = [];
  for (const each of entries) {
    const title = titles.get(each.entry.pageref ?? "") ?? each.entry.pageref ?? new URL(each.entry.request.url).host;
    const last = pages.at(-1);
    if (last !== undefined && last.title === title) last.requests.push(each);
    else pages.push({ title, requests: [each] });
  }
  const body = pages.flatMap(({ title, requests }, index) => {
    const next = pages[index + 1]?.requests[0];
    const lastEnd = Math.max(...requests.map(({ entry, startMs }) => startMs + (entry.time ?? 0)));
    const pause =
      next === undefined ? 0 : Math.min(options.maxPauseSeconds, Math.max(0, (next.startMs - lastEnd) / 1000));
    return [
      `  group(${literal(groupName(title))}, () => {`,
      ...batches(requests, options.batchMs).flatMap((batch) =>
        requestLines(
          batch.map(({ entry }) => entry),
          options,
        ),
      ),
      "  });",
      ...(pause > 0 ? [`  sleep(${Number(pause.toFixed(3))});`] : []),
    ];
  });
  const names = [
    "group",
    ...(options.checksStatus ? ["check"] : []),
    ...(body.some((line) => line.includes("sleep(")) ? ["sleep"] : []),
  ];
  return [
    'import http from "k6/http";',
    `import { ${names.sort().join(", ")} } from "k6";`,
    "",
    "export const options = {",
    "  vus: 1,",
    "  iterations: 1,",
    "};",
    "",
    "export default function () {",
    ...(options.checksStatus || body.some((line) => line.includes("response")) ? ["  let response;"] : []),
    ...body,
    "}",
    "",
  ].join("\n");
}

function isKept({ request, response }: HarEntry, options: HarOptions): boolean {
  if (!/^https?:/.test(request.url) || request.method === "CONNECT") return false;
  // Blocked, cancelled, or from the cache.
  if (response.status === 0) return false;
  const { hostname } = new URL(request.url);
  const matches = (host: string): boolean => hostname === host || hostname.endsWith(`.${host}`);
  if (options.only.length > 0 && !options.only.some(matches)) return false;
  if (options.skip.some(matches)) return false;
  return options.keepsStatic || !STATIC.test(response.content?.mimeType ?? "");
}

function batches<Each extends { readonly startMs: number }>(
  requests: readonly Each[],
  batchMs: number,
): readonly Each[][] {
  const result: Each[][] = [];
  for (const request of requests) {
    const last = result.at(-1);
    if (last !== undefined && batchMs > 0 && request.startMs - last[0]!.startMs < batchMs) last.push(request);
    else result.push([request]);
  }
  return result;
}

function requestLines(entries: readonly HarEntry[], options: HarOptions): readonly string[] {
  if (entries.length === 1) {
    const entry = entries[0]!;
    const { method, url } = entry.request;
    const call = `http.request(${literal(method.toUpperCase())}, ${literal(url)}, ${bodyOf(entry)}, ${parameters(entry)})`;
    return [`    response = ${call};`, ...(options.checksStatus ? [checkLine("response", entry)] : [])];
  }
  return [
    "    response = http.batch([",
    ...entries.map(
      (entry) =>
        `      [${literal(entry.request.method.toUpperCase())}, ${literal(entry.request.url)}, ${bodyOf(entry)}, ${parameters(entry)}],`,
    ),
    "    ]);",
    ...(options.checksStatus ? entries.map((entry, index) => checkLine(`response[${index}]`, entry)) : []),
  ];
}

function checkLine(response: string, { request, response: { status } }: HarEntry): string {
  const { pathname } = new URL(request.url);
  const name = `${request.method} ${pathname} is ${status}`.replaceAll("::", ":");
  return `    check(${response}, { ${literal(name)}: (r) => r.status === ${status} });`;
}

function parameters({ request }: HarEntry): string {
  const headers = Object.fromEntries(
    (request.headers ?? [])
      .filter(({ name }) => !name.startsWith(":") && !OWN_HEADERS.has(name.toLowerCase()) && !/^sec-/i.test(name))
      .map(({ name, value }) => [name, value]),
  );
  return Object.keys(headers).length === 0 ? "{}" : `{ headers: ${literal(headers)} }`;
}

function bodyOf({ request: { postData } }: HarEntry): string {
  if (postData === undefined) return "null";
  if (postData.params !== undefined && postData.params.length > 0 && /urlencoded/.test(postData.mimeType ?? ""))
    return literal(
      new URLSearchParams(postData.params.map(({ name, value }): [string, string] => [name, value])).toString(),
    );
  return postData.text === undefined ? "null" : literal(postData.text);
}

const groupName = (title: string): string => title.replaceAll("::", ":").trim() || "page";

/** JSON is JavaScript but for two line separators that old engines do not take in texts. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
