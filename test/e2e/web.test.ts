import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUDGET, measureBundle } from "../../web/budget.ts";
import { openBrowser, openContext } from "./browser.ts";
import { hexId, sendGauge, sendLogs, sendSpans } from "./send.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";

const HOSTILE = `<script>window.broken=1</script><img src=x onerror="window.broken=1">\u202egnp.exe\u0007`;
const traceId = hexId(5, 16);

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await startServer();
  await sendSpans(server, "shop", [
    {
      traceId,
      spanId: hexId(1, 8),
      name: "GET /cart",
      kind: 2,
      durationMs: 120,
      attributes: { "http.route": "/cart", link: "javascript:window.broken=1" },
    },
    {
      traceId,
      spanId: hexId(2, 8),
      parentSpanId: hexId(1, 8),
      name: HOSTILE,
      kind: 3,
      durationMs: 80,
      error: true,
      attributes: { [HOSTILE]: HOSTILE, long: "x".repeat(200_000) },
    },
  ]);
  await sendLogs(server, "shop", [
    {
      body: `payment ${HOSTILE}`,
      severityNumber: 17,
      severityText: "ERROR",
      traceId,
      spanId: hexId(2, 8),
      attributes: { note: HOSTILE },
    },
    { body: "y".repeat(900_000) },
  ]);
  await sendGauge(server, "shop", "cart.size", [{ value: 4, attributes: { k: HOSTILE } }]);
  await eventually(
    async () =>
      (await server.sql("SELECT 1 FROM spans")).length === 2 &&
      (await server.sql("SELECT 1 FROM logs WHERE service_name = 'shop'")).length === 2,
  );
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server.stop();
  removeData(server);
});

const VIEWS: readonly (readonly [path: string, shows: string])[] = [
  ["/", "Is anything lost?"],
  ["/services", "shop"],
  ["/traces", "GET /cart"],
  [`/traces/${traceId}`, "GET /cart"],
  ["/logs", "payment"],
  ["/metrics", "cart.size"],
  ["/sql", "Run"],
];

async function visit(
  path: string,
  shows: string,
  scheme: "dark" | "light" = "dark",
  width = 1440,
): Promise<{ page: Page; problems: string[]; close: () => Promise<void> }> {
  const context = await openContext(browser, width, scheme);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== server.url && !request.url().startsWith("data:"))
      problems.push(`request: ${request.url()}`);
  });
  await page.goto(server.url + path);
  await page.getByText(shows).first().waitFor({ timeout: 30_000 });
  return { page, problems, close: () => context.close() };
}

describe("the web interface", () => {
  it.each(VIEWS)(
    "opens %s by its address, asks nobody but its own server, and runs nothing that telemetry says",
    async (path, shows) => {
      const { page, problems, close } = await visit(path, shows);
      expect(problems).toEqual([]);
      expect(await page.evaluate("window.broken")).toBeUndefined();
      expect(await page.locator('a[href^="javascript:"]').count()).toBe(0);
      await close();
    },
  );

  it("shows hostile text as text, with marks for what cannot be seen", async () => {
    const { page, close } = await visit(`/traces/${traceId}?open=${hexId(2, 8)}`, "GET /cart");
    await page.getByText("<script>window.broken=1</script>").first().waitFor();
    expect(await page.evaluate("window.broken")).toBeUndefined();
    expect(await page.locator("body").textContent()).not.toContain("\u202e");
    await close();
  });

  it.each([["dark"], ["light"]] as const)("has no violation of WCAG A or AA in %s", async (scheme) => {
    for (const [path, shows] of VIEWS) {
      const { page, close } = await visit(path, shows, scheme);
      // Evaluated through the debugger, which the page's own policy does not bind.
      await page.evaluate(axe.source);
      const run = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }).then((result) => result.violations.map((violation) => violation.id + " " + violation.nodes[0].html.slice(0, 200)))`;
      expect(await page.evaluate(run), path).toEqual([]);
      if (path === "/") {
        await page.evaluate(`document.body.appendChild(document.createElement("img"))`);
        expect(await page.evaluate(run), "a planted violation is found").not.toEqual([]);
      }
      await close();
    }
  });

  it("fits a phone: nothing is wider than the screen", async () => {
    for (const [path, shows] of VIEWS.slice(0, 5)) {
      const { page, close } = await visit(path, shows, "dark", 390);
      expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(390);
      await close();
    }
  });

  it("is within its budget of bytes", () => {
    const size = measureBundle("dist/web");
    expect(size.first).toBeLessThanOrEqual(BUDGET.first);
    expect(size.forbidden).toEqual([]);
  });
});
