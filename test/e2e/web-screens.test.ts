import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Status } from "../../src/api/contract/shapes.ts";
import { openBrowser, openContext } from "./browser.ts";
import { hexId } from "./send.ts";
import { removeData, startServer, type TestServer } from "./server.ts";
import { fixedStatus, homeOf } from "./web-home.ts";
import { type Scene, sendParts, spanOf } from "./web-scene.ts";
import { openWatchedPage, rowsArrive, sendScene, settle } from "./web-watch.ts";

/**
 * Screenshots, compared byte by byte. `UPDATE=1 npx vitest run --config test/vitest.e2e.config.ts
 * test/e2e/web-screens.test.ts` writes them anew. They are of one version of Chromium, which draws the same
 * bytes each time; another one may round a curve otherwise, and says nothing about the interface.
 */
const GOLDEN = join(import.meta.dirname, "golden");
const UPDATE = process.env["UPDATE"] === "1";
const RECORDED = join(GOLDEN, "screens.json");

let browser: Browser;
let server: TestServer;
let scene: Scene;
let actual: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  // Yesterday at noon: the same times on the clock in each run, and not so old that it would be thrown away.
  const noon = new Date(Date.now() - 86_400_000).setUTCHours(12, 0, 0, 0);
  scene = await sendScene(server, noon);
  // The server gives colours to services that it hears from now, in the order of their names as nobody asked before.
  const now = Date.now();
  await sendParts(
    server,
    scene.services.map((service, i) => ({
      service,
      spans: [spanOf({ traceId: hexId(i + 1, 16), spanId: hexId(i + 1, 8), name: "now", startMs: now, durationMs: 1 })],
    })),
  );
  await rowsArrive(server, scene.spans + scene.services.length, scene.logs);
  actual = mkdtempSync(join(tmpdir(), "traceo-screens-"));
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  removeData(server);
});

interface Screen {
  readonly name: string;
  readonly path: string;
}

/** The main views, each with what tells most about it in sight. */
function screensOf(scene: Scene): readonly Screen[] {
  return [
    { name: "home", path: "/" },
    { name: "services", path: "/services" },
    { name: "map", path: "/services?tab=map" },
    { name: "service", path: "/services/payments" },
    { name: "traces", path: "/traces?where=service+%3D+payments" },
    { name: "trace", path: `/traces/${scene.failedTrace}?open=${scene.failedSpan}` },
    { name: "logs", path: "/logs?where=severity+%3E%3D+info" },
    { name: "metric", path: "/metrics?metric=queue.depth&group=resource.service.name" },
    {
      name: "sql",
      path: "/sql?sql=SELECT+service_name,+count()+AS+n+FROM+spans+WHERE+name+!%3D+'now'+GROUP+BY+ALL+ORDER+BY+ALL",
    },
  ];
}

/** Every view on a desk in the dark and on a phone in the light, which cover the four; some the other way round. */
const SETTINGS = [
  { width: 1440, theme: "dark", only: null },
  { width: 390, theme: "light", only: null },
  { width: 1440, theme: "light", only: ["home", "traces", "logs"] },
  { width: 390, theme: "dark", only: ["home", "trace"] },
] as const;

/** How long the server took, and its clock, differ between runs; everything else is what it said. */
async function fixAnswer(route: Route): Promise<void> {
  const answer = await route.fetch();
  const headers = { ...answer.headers(), "x-traceo-statistics": JSON.stringify(STATISTICS) };
  if (!(headers as Record<string, string>)["content-type"]?.startsWith("application/json"))
    return await route.fulfill({ response: answer });
  const path = new URL(route.request().url()).pathname;
  const body = (await answer.json()) as Record<string, unknown>;
  if (path === "/api/home") return await route.fulfill({ response: answer, json: homeOf(scene) });
  if (path === "/api/status")
    return await route.fulfill({ response: answer, json: fixedStatus(body as unknown as Status, scene) });
  if (typeof body["statistics"] === "object" && path !== "/api/sql") body["statistics"] = STATISTICS;
  await route.fulfill({ response: answer, headers, json: body });
}

const STATISTICS = { elapsedMs: 12, rowsRead: 345, bytesRead: 6789, partial: false };

describe.each(SETTINGS)("at $width px, $theme", ({ width, theme, only }) => {
  let context: BrowserContext;
  beforeAll(async () => {
    context = await openContext(browser, width, theme);
    await context.route("**/api/**", fixAnswer);
  });
  afterAll(() => context.close());

  it.for(only ?? ["home", "services", "map", "service", "traces", "trace", "logs", "metric", "sql"])(
    "%s looks as it did, to the byte",
    async (name, run) => {
      const version = browser.version();
      if (!UPDATE) {
        const { chromium } = JSON.parse(readFileSync(RECORDED, "utf8")) as { chromium: string };
        if (chromium !== version) return run.skip(`the screenshots are of Chromium ${chromium}, this is ${version}`);
      }
      const { path } = screensOf(scene).find((screen) => screen.name === name)!;
      const { page, problems } = await openWatchedPage(context, server);
      await page.clock.setFixedTime(scene.endMs + 60_000);
      const range = `from=${new Date(scene.startMs - 60_000).toISOString()}&to=${new Date(scene.endMs).toISOString()}`;
      await page.goto(`${server.url}${path}${path.includes("?") ? "&" : "?"}${range}`);
      await settle(page);
      const image = await page.screenshot({ animations: "disabled", caret: "hide" });
      expect(problems).toEqual([]);
      expect(image.length).toBeLessThan(250_000);
      await expectGolden(page, `${name}-${width}-${theme}`, image);
      await page.close();
    },
  );
});

async function expectGolden(page: Page, name: string, image: Buffer): Promise<void> {
  const golden = join(GOLDEN, `${name}.png`);
  if (UPDATE) {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(golden, image);
    writeFileSync(RECORDED, `{ "chromium": ${JSON.stringify(browser.version())} }\n`);
  }
  const wanted = readFileSync(golden);
  if (!wanted.equals(image)) {
    const [seen, difference] = [join(actual, `${name}.png`), join(actual, `${name}-difference.png`)];
    writeFileSync(seen, image);
    const { pixels, png } = await compare(page, wanted, image);
    writeFileSync(difference, png);
    expect.fail(`${name}: ${pixels} pixels differ; see ${seen} and ${difference}, or run with UPDATE=1 to keep it`);
  }
}

/** The pixels that differ, red on the wanted image in grey; drawn by the browser, which can read and write PNG. */
async function compare(page: Page, wanted: Buffer, seen: Buffer): Promise<{ pixels: number; png: Buffer }> {
  const [a, b] = [wanted, seen].map((image) => `data:image/png;base64,${image.toString("base64")}`);
  const { pixels, url } = await page.evaluate<{ pixels: number; url: string }>(`(async () => {
    const read = async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return { canvas, context, data: context.getImageData(0, 0, image.width, image.height) };
    };
    const [a, b] = [await read(${JSON.stringify(a)}), await read(${JSON.stringify(b)})];
    let pixels = 0;
    const [x, y] = [a.data.data, b.data.data];
    for (let i = 0; i < x.length; i += 4) {
      const differs = x[i] !== y[i] || x[i + 1] !== y[i + 1] || x[i + 2] !== y[i + 2];
      if (differs) pixels++;
      const grey = (x[i] + x[i + 1] + x[i + 2]) / 3;
      [x[i], x[i + 1], x[i + 2]] = differs ? [255, 0, 0] : [grey, grey, grey];
    }
    a.context.putImageData(a.data, 0, 0);
    return { pixels, url: a.canvas.toDataURL("image/png") };
  })()`);
  return { pixels, png: Buffer.from(url.slice(url.indexOf(",") + 1), "base64") };
}
