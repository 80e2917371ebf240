import type { BrowserContext, Page, Request } from "playwright-core";
import { eventually, type TestServer } from "./server.ts";
import { buildScene, type Scene, sendParts } from "./web-scene.ts";

/** A page of the interface with everything noted that must not happen on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Console errors, uncaught exceptions, failed requests and requests to elsewhere, since the page was opened. */
  readonly problems: string[];
}

/** Opens an empty page that notes problems; `expected` lets those through that a test causes on purpose. */
export async function openWatchedPage(
  context: BrowserContext,
  server: Pick<TestServer, "url">,
  expected?: RegExp,
): Promise<WatchedPage> {
  const page = await context.newPage();
  const problems: string[] = [];
  const note = (text: string): void => {
    if (expected === undefined || !expected.test(text)) problems.push(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      note(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => note(`exception: ${error.stack ?? error.message}`));
  const requests = new Set<Request>();
  underWay.set(page, requests);
  page.on("requestfinished", (request) => requests.delete(request));
  page.on("requestfailed", (request) => requests.delete(request));
  page.on("framenavigated", () => requests.clear());
  page.on("request", (request: Request) => {
    const url = request.url();
    if (/\/api\/(?!logs\/tail|status)/.test(url)) requests.add(request);
    if (!url.startsWith(`${server.url}/`) && !/^(data|blob):/.test(url)) note(`request to elsewhere: ${url}`);
  });
  return { page, problems };
}

const underWay = new WeakMap<Page, Set<Request>>();
const POLL_MS = 50;
const STILL_POLLS = 4;

/**
 * Waits until nothing is loading any more: no request of the API is under way but the tail, no part of the view is a
 * skeleton or stale, and this for longer than the 150 ms for which the interface shows nothing.
 */
export async function settle(page: Page): Promise<void> {
  const requests = underWay.get(page);
  if (requests === undefined) throw new Error("settle: the page was not opened by openWatchedPage");
  // Polled from outside: Playwright's own waiting evaluates in the page, which the page's policy forbids.
  const still = async (): Promise<boolean> =>
    requests.size === 0 &&
    (await page.evaluate<boolean>(
      "document.readyState === 'complete' && (document.querySelector('#main')?.textContent ?? '') !== '' &&" +
        " document.querySelector('.skeleton, .skeleton-rows, .skeleton-block, .busy, .stale') === null",
    ));
  const deadline = Date.now() + 40_000;
  for (let polls = 0; polls < STILL_POLLS; ) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    polls = (await still()) ? polls + 1 : 0;
    if (Date.now() > deadline)
      throw new Error(`still loading: ${[...requests].map((request) => request.url()).join(" ")} at ${page.url()}`);
  }
  await page.evaluate("document.fonts.ready.then(() => 0)");
}

/** All text in sight, white space as one space. */
export async function visibleText(page: Page): Promise<string> {
  return (await page.evaluate<string>("document.body.innerText")).replaceAll(/\s+/g, " ");
}

/** Sends the shop's telemetry and waits until each row can be read. */
export async function sendScene(server: TestServer, endMs = Date.now()): Promise<Scene> {
  const { scene, parts } = buildScene(endMs);
  await sendParts(server, parts);
  await rowsArrive(server, scene.spans, scene.logs);
  return scene;
}

/** Waits for that many spans and log lines, and for metrics at all. */
export async function rowsArrive(server: TestServer, spans: number, logs: number): Promise<void> {
  await eventually(async () => {
    const [row] = await server.sql<{ spans: string; logs: string; samples: string }>(
      "SELECT (SELECT count() FROM spans) AS spans, (SELECT count() FROM logs) AS logs, (SELECT count() FROM samples) AS samples",
    );
    return Number(row!.spans) >= spans && Number(row!.logs) >= logs && Number(row!.samples) > 0;
  }, 60_000);
}
