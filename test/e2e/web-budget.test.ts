import { join } from "node:path";
import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogRow, Logs } from "../../src/api/contract/shapes.ts";
import { BUDGET, measureBundle } from "../../web/budget.ts";
import { openBrowser, openContext } from "./browser.ts";
import { hexId } from "./send.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";
import { gaugeOf, logOf, sendParts, spanOf } from "./web-scene.ts";
import { openWatchedPage, rowsArrive, settle, visibleText } from "./web-watch.ts";

const SPANS = 10_000;
const LINES = 20_000;
const MOST_NODES = 1500;
/** CPU of the main thread for one frame, in ms, by pixels scrolled in it. Asserted at four times: a busy machine slows caches too. */
const FRAME_MS = { 120: 8, 2000: 20 } as const;
const SLACK = 4;
const BATCHES = 1000;
const BATCH_LINES = 20;

const traceId = hexId(3, 16);
let browser: Browser;
let server: TestServer;
let page: Page;
let problems: string[];
let protocol: CDPSession;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  const now = Date.now();
  // A tree four wide: what a batch job or a fan-out looks like; no two siblings alike, so that nothing folds.
  const spans = Array.from({ length: SPANS }, (_, i) =>
    spanOf({
      traceId,
      spanId: hexId(i + 1, 8),
      ...(i === 0 ? {} : { parentSpanId: hexId(Math.floor((i - 1) / 4) + 1, 8) }),
      name: `step ${i}`,
      startMs: now - 60_000 + i,
      durationMs: i === 0 ? 30_000 : 5 + (i % 50),
      ...(i % 97 === 0 ? { status: { code: 2 } } : {}),
    }),
  );
  const logs = Array.from({ length: LINES }, (_, i) =>
    logOf({
      timeMs: now - 300_000 + i * 10,
      body: `request ${i} of ${LINES} answered in ${(i * 7) % 300} ms`,
      severityNumber: i % 50 === 0 ? 17 : 9,
      severityText: i % 50 === 0 ? "ERROR" : "INFO",
    }),
  );
  const service = "long";
  for (let i = 0; i < SPANS; i += 2500) await sendParts(server, [{ service, spans: spans.slice(i, i + 2500) }]);
  for (let i = 0; i < LINES; i += 5000) await sendParts(server, [{ service, logs: logs.slice(i, i + 5000) }]);
  await sendParts(server, [{ service, metrics: [gaugeOf("m", "1", [[now, 1]])] }]);
  await rowsArrive(server, SPANS, LINES);
  ({ page, problems } = await openWatchedPage(await openContext(browser), server));
  protocol = await page.context().newCDPSession(page);
  await protocol.send("Performance.enable", { timeDomain: "threadTicks" });
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  removeData(server);
});

const nodes = async (): Promise<number> => await page.evaluate("document.querySelectorAll('*').length");

async function taskMs(): Promise<number> {
  const { metrics } = await protocol.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
}

/** Scrolls a list frame by frame; the CPU milliseconds of one frame, and the most nodes that existed. */
async function scroll(selector: string, stepPx: number, frames: number): Promise<{ frameMs: number; most: number }> {
  const before = await taskMs();
  const most = await page.evaluate<number>(`(async () => {
    const list = document.querySelector(${JSON.stringify(selector)});
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let most = 0;
    list.scrollTop = 0;
    for (let i = 0, down = 1; i < ${frames}; i++) {
      const at = list.scrollTop;
      list.scrollTop += down * ${stepPx};
      if (list.scrollTop === at) down = -down;
      await frame();
      if (i % 10 === 0) most = Math.max(most, document.querySelectorAll("*").length);
    }
    return most;
  })()`);
  return { frameMs: ((await taskMs()) - before) / frames, most };
}

async function expectSmooth(what: string, selector: string): Promise<void> {
  const figures: string[] = [];
  for (const [step, budgetMs] of Object.entries(FRAME_MS)) {
    const { frameMs, most } = await scroll(selector, Number(step), 60);
    figures.push(`${frameMs.toFixed(1)} ms at ${step} px (budget ${budgetMs} ms), ${most} nodes`);
    expect(frameMs).toBeGreaterThan(0);
    expect(frameMs).toBeLessThanOrEqual(budgetMs * SLACK);
    expect(most).toBeLessThanOrEqual(MOST_NODES);
  }
  console.log(`${what}, CPU a frame: ${figures.join("; ")}`);
}

describe("budgets", () => {
  it("keeps scripts small, and ships no map, nothing inline and nothing from elsewhere", () => {
    const { first, views, css, forbidden } = measureBundle(join(import.meta.dirname, "../../dist/web"));
    console.log(`gzipped: first view ${first} B, styles ${css} B, views ${JSON.stringify(views)}`);
    expect(forbidden).toEqual([]);
    expect(first).toBeGreaterThan(50_000);
    expect(first).toBeLessThanOrEqual(BUDGET.first);
    expect(Object.keys(views).length).toBeGreaterThan(6);
    for (const [view, size] of Object.entries(views))
      expect(size, view).toBeLessThanOrEqual(view.includes("/sql/") ? BUDGET.sql : BUDGET.view);
  });

  it("shows a trace of 10,000 spans with few nodes, smoothly", async () => {
    await page.goto(`${server.url}/traces/${traceId}`);
    await settle(page);
    expect(await visibleText(page)).toContain("10 k spans");
    expect(await page.getByRole("treegrid").getAttribute("aria-rowcount")).toBe(String(SPANS));
    expect(await nodes()).toBeLessThanOrEqual(MOST_NODES);
    await expectSmooth("10,000 spans", ".wf-scroller");
    for (const tab of ["flame", "compare"]) {
      await page.goto(`${server.url}/traces/${traceId}?tab=${tab}`);
      await settle(page);
      expect(await nodes()).toBeLessThanOrEqual(MOST_NODES);
    }
  });

  it("shows a long list of lines with few nodes, smoothly", async () => {
    await page.goto(`${server.url}/logs`);
    await settle(page);
    const list = page.locator(".log-scroller");
    for (let read = 200; read < 2000; ) {
      await list.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      await settle(page);
      const now = Number(await page.locator(".log-item").first().getAttribute("aria-setsize"));
      expect(now).toBeGreaterThan(read);
      read = now;
    }
    expect(await nodes()).toBeLessThanOrEqual(MOST_NODES);
    await expectSmooth("log lines", ".log-scroller");
    expect(problems).toEqual([]);
  });
});

describe("a live tail", () => {
  it("is bounded in nodes and memory, whatever arrives, and waits while scrolled away", async () => {
    const { logs } = (await (await fetch(`${server.url}/api/logs?limit=1&where=service+=+long`)).json()) as Logs;
    let sent = 0;
    // The server's own lines, again and again: a thousand batches in one answer, as often as the page connects.
    await page.route("**/api/logs/tail*", async (route) => {
      const events = Array.from({ length: BATCHES }, () => {
        const rows: LogRow[] = Array.from({ length: BATCH_LINES }, () => {
          sent++;
          return { ...logs[0]!, id: `tail-${sent}`, body: `line ${sent} of the tail` };
        });
        return `event: rows\ndata: ${JSON.stringify(rows)}\n\n`;
      });
      await route.fulfill({ status: 200, contentType: "text/event-stream", body: events.join("") });
    });
    await page.goto(`${server.url}/logs?live=1`);
    const measure = async (): Promise<{ heapMb: number; nodes: number; listeners: number }> => {
      await protocol.send("HeapProfiler.collectGarbage");
      const { usedSize } = await protocol.send("Runtime.getHeapUsage");
      const counters = await protocol.send("Memory.getDOMCounters");
      return { heapMb: usedSize / 1e6, nodes: counters.nodes, listeners: counters.jsEventListeners };
    };
    const figures: Awaited<ReturnType<typeof measure>>[] = [];
    for (let round = 1; round <= 3; round++) {
      const last = round * BATCHES * BATCH_LINES;
      await page.getByText(`line ${last} of the tail`, { exact: true }).waitFor();
      figures.push(await measure());
      expect(await nodes()).toBeLessThanOrEqual(MOST_NODES);
    }
    console.log(`tail after 1, 2, 3 thousand batches: ${JSON.stringify(figures)}`);
    const [first, , third] = figures;
    expect(third!.heapMb).toBeLessThan(first!.heapMb * 1.3 + 5);
    expect(third!.nodes).toBeLessThan(first!.nodes * 1.3 + 500);
    expect(third!.listeners).toBeLessThan(first!.listeners * 1.3 + 200);

    await page.locator(".log-scroller").evaluate((element) => {
      element.scrollTop = 1000;
    });
    const line = page.locator('.log-item[data-index="40"]');
    const shown = await line.textContent();
    await page.getByRole("button", { name: "2,000 new" }).waitFor();
    expect(await page.locator(".log-foot").textContent()).toMatch(/[\d,]+ left out/);
    expect(await line.textContent()).toBe(shown);
    expect(await nodes()).toBeLessThanOrEqual(MOST_NODES);
    await page.getByRole("button", { name: "2,000 new" }).click();
    await eventually(async () => (await page.locator(".log-scroller").evaluate((element) => element.scrollTop)) === 0);
    expect(problems).toEqual([]);
  });
});
