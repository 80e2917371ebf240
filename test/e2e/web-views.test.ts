import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openContext } from "./browser.ts";
import { sendLogs } from "./send.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";
import { placesOf } from "./web-addresses.ts";
import type { Scene } from "./web-scene.ts";
import { openWatchedPage, sendScene, settle, visibleText } from "./web-watch.ts";

let browser: Browser;
let context: BrowserContext;
let server: TestServer;
let scene: Scene;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  context = await openContext(browser);
  scene = await sendScene(server);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  removeData(server);
});

const search = (page: Page): URLSearchParams => new URL(page.url()).searchParams;

describe("every view", () => {
  it("opens by its address, shows what was sent, says no error, and asks nobody but its own server", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    const missing: string[] = [];
    for (const place of placesOf(scene)) {
      await page.goto(server.url + place.path);
      await settle(page);
      const text = await visibleText(page);
      for (const words of place.shows) if (!text.includes(words)) missing.push(`${place.name}: ${words}`);
      for (const problem of problems.splice(0)) missing.push(`${place.name}: ${problem}`);
    }
    expect(missing).toEqual([]);
    await page.close();
  });

  it("is noted when it does what it must not", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(server.url);
    await settle(page);
    await page.evaluate("fetch('http://127.0.0.1:9/elsewhere').catch(() => 0)");
    await page.evaluate("setTimeout(() => { throw new Error('planted') })");
    await page.evaluate(
      "document.head.append(Object.assign(document.createElement('script'), { textContent: 'planted()' }))",
    );
    await eventually(async () => problems.some((problem) => /Error: planted/.test(problem)));
    // The policy stops the request before it leaves: it shows as a console error.
    expect(problems.join("\n")).toMatch(/127\.0\.0\.1:9/);
    expect(problems.join("\n")).toMatch(/inline script/i);
    await page.close();
  });
});

describe("the address", () => {
  it("brings filters, order, and the open row back after a reload", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    const path = "/logs?where=service+%3D+payments&where=severity+%3E%3D+warn&sort=time&wrap=1&columns=trace";
    await page.goto(server.url + path);
    await settle(page);
    await page.locator(".log-line").nth(1).click();
    await page.locator(".log-detail").waitFor();
    const before = search(page).toString();
    const lines = await page.locator(".log-line").allTextContents();
    await page.reload();
    await settle(page);
    await page.locator(".log-detail").waitFor();
    expect(search(page).toString()).toBe(before);
    expect(await page.locator(".log-line").allTextContents()).toEqual(lines);
    expect(await page.locator(".chip").count()).toBe(2);
    expect(problems).toEqual([]);
    await page.close();
  });

  it("is left and come back to: Back from a trace finds list, scroll and filters", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(`${server.url}/traces?where=service+%3D+gateway&sort=-duration`);
    await settle(page);
    const list = page.locator(".table-scroller");
    await list.evaluate((element) => {
      element.scrollTop = 420;
    });
    await eventually(async () => (await list.evaluate((element) => element.scrollTop)) === 420);
    const rows = await page.locator("tr.opens").allTextContents();
    await page.locator("tr.opens").nth(12).click();
    await page.locator(".waterfall").waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/traces\/[0-9a-f]{32}$/);
    await page.goBack();
    await settle(page);
    expect(search(page).getAll("where")).toEqual(["service = gateway"]);
    expect(search(page).get("sort")).toBe("-duration");
    await eventually(async () => (await list.evaluate((element) => element.scrollTop)) === 420);
    expect(await page.locator("tr.opens").allTextContents()).toEqual(rows);
    await page.goForward();
    await page.locator(".waterfall").waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  it("keeps every filter when the time changes, and carries them to other views", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(`${server.url}/traces?where=service+%3D+payments&where=status+%3D+error`);
    await settle(page);
    await page.keyboard.press("t");
    await page.getByLabel("Type a time range").fill("last 3h");
    await page.keyboard.press("Enter");
    await page.waitForURL(/from=now-3h/);
    await page.getByRole("button", { name: "Zoom out" }).click();
    await page.waitForURL(/from=\d{4}-/);
    await page.keyboard.press("[");
    await page.keyboard.press("]");
    await settle(page);
    expect(search(page).getAll("where")).toEqual(["service = payments", "status = error"]);
    await page.getByRole("navigation").getByRole("link", { name: "Logs" }).click();
    await page.waitForURL(/\/logs\?/);
    await settle(page);
    expect(search(page).getAll("where")).toEqual(["service = payments", "status = error"]);
    expect(await page.locator(".chip.unused").textContent()).toContain("status");
    expect(await visibleText(page)).toContain("charge failed");
    expect(problems).toEqual([]);
    await page.close();
  });

  it("leads from a value to its filter, and from Home's question to the span that answers it in three choices", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(`${server.url}/traces`);
    await settle(page);
    await page.getByRole("button", { name: "Most errors" }).click();
    await page.locator("tr.opens", { hasText: "2.06 s" }).first().click();
    await page.getByRole("row", { name: /charge card.*failed/ }).click();
    await page.getByText(scene.reason).first().waitFor();
    await page.locator(".attribute", { hasText: "card.network" }).getByRole("button").click();
    await page.getByRole("dialog").getByRole("button", { name: "Only this value" }).click();
    expect(search(page).getAll("where")).toEqual(["attributes.card.network = amex"]);
    expect(problems).toEqual([]);
    await page.close();
  });
});

it("edits, completes, runs and explains SQL within the page's policy, and says what was read", async () => {
  const { page, problems } = await openWatchedPage(context, server);
  await page.goto(`${server.url}/sql`);
  await settle(page);
  const editor = page.getByRole("textbox", { name: "SQL statement" });
  const complete = async (typed: string, option: RegExp): Promise<void> => {
    await page.keyboard.type(typed);
    const offered = page.getByRole("option", { name: option }).first();
    await offered.waitFor();
    await offered.click();
  };
  // All at once, as a paste or dictation replaces it: no key is pressed.
  await editor.fill("SELECT sum(");
  expect(await editor.textContent()).toBe("SELECT sum(");
  await page.keyboard.press("Control+a");
  await complete("SELECT count() AS n FROM spa", /^spans/);
  await complete(" WHERE serv", /^service_name/);
  await complete(" = 'payments' AND attributes['card", /^card\.network/);
  await page.keyboard.type(" = 'amex'");
  await page.keyboard.press("Control+Enter");
  await page.getByText("1 row", { exact: true }).waitFor();
  const statement =
    "SELECT count() AS n FROM spans WHERE service_name = 'payments' AND attributes['card.network'] = 'amex'";
  expect(search(page).get("sql")).toBe(statement);
  const [{ n, read }] = (await server.sql<{ n: string; read: string }>(
    `${statement.replace(" AS n", " AS n, (SELECT count() FROM spans WHERE service_name = 'payments') AS read")}`,
  )) as [{ n: string; read: string }];
  expect(await page.getByRole("row").last().textContent()).toBe(n);
  // What was read is more than the one row that was answered.
  const rowsRead = Number(/^(\d+) rows read/.exec((await page.locator(".statistics").textContent()) ?? "")?.[1]);
  expect(rowsRead).toBeGreaterThanOrEqual(Number(read));
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator(".sql-plan").waitFor();
  expect(problems).toEqual([]);
  await page.close();
});

it("counts the values of each field beside the traces, whatever is chosen of it, and filters by one", async () => {
  const { page, problems } = await openWatchedPage(context, server);
  await page.goto(`${server.url}/traces?where=service+%3D+payments`);
  await settle(page);
  const facets = page.getByRole("complementary", { name: "Facets" });
  expect(await facets.getByRole("button", { name: "payments" }).getAttribute("aria-pressed")).toBe("true");
  // A facet's counts ignore its own filter and heed the others.
  expect(await facets.getByRole("button", { name: "checkout" }).textContent()).toContain("93");
  expect(await facets.getByRole("button", { name: "error" }).textContent()).toContain("4");
  await facets.getByRole("button", { name: "error" }).click();
  await page.waitForURL(/status/);
  await settle(page);
  expect(search(page).getAll("where")).toEqual(["service = payments", "status = error"]);
  expect(await page.locator("tr.opens").count()).toBe(4);
  expect(await facets.getByRole("button", { name: "checkout" }).textContent()).toContain("4");
  expect(problems).toEqual([]);
  await page.close();
});

it("looks as the system asks, and as the person says instead", async () => {
  const light = await openContext(browser, 1440, "light");
  const { page, problems } = await openWatchedPage(light, server);
  const theme = async (): Promise<unknown> => await page.evaluate("document.documentElement.dataset.theme");
  await page.goto(`${server.url}/services`);
  await settle(page);
  expect(await theme()).toBe("light");
  await page.getByRole("button", { name: "Dark theme" }).click();
  expect(await theme()).toBe("dark");
  await page.reload();
  await settle(page);
  expect(await theme()).toBe("dark");
  expect(problems).toEqual([]);
  await light.close();
});

describe("a list with nothing to show", () => {
  it("offers to drop the filter that excluded most, and drops it", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(`${server.url}/logs?where=severity+%3E%3D+info&where=service+%3D+nobody`);
    await settle(page);
    await page.getByText("No lines match").waitFor();
    const offers = page.locator(".empty .button");
    await eventually(async () => /\d+ lines/.test((await offers.first().textContent()) ?? ""));
    expect(await offers.first().textContent()).toContain("service = nobody");
    expect(await offers.nth(1).textContent()).toContain("still none");
    await offers.first().click();
    await settle(page);
    expect(search(page).getAll("where")).toEqual(["severity >= info"]);
    expect(await visibleText(page)).toContain("order of");
    expect(problems).toEqual([]);
    await page.close();
  });

  it("says that the time range is empty and offers a longer one", async () => {
    const { page, problems } = await openWatchedPage(context, server);
    await page.goto(`${server.url}/traces?from=2001-01-01T00:00:00Z&to=2001-01-01T01:00:00Z`);
    await settle(page);
    await page.getByText("No traces in this time range").waitFor();
    await page.getByRole("button", { name: "Last day" }).click();
    await settle(page);
    expect(await visibleText(page)).toContain("POST /checkout");
    expect(problems).toEqual([]);
    await page.close();
  });
});

describe("what fails", () => {
  it("says what, with a code and what to do, and tries again: the engine was killed", async () => {
    const { page, problems } = await openWatchedPage(context, server, /status of 503/);
    const status = (await (await fetch(`${server.url}/api/status`)).json()) as { engine: { processId: number } };
    process.kill(status.engine.processId, "SIGKILL");
    // What the server says then is kept, so that the engine's quick return does not take the page out of its trouble.
    const refused = await eventually(async () => {
      const answer = await fetch(`${server.url}/api/traces`);
      return answer.status !== 200 && { status: answer.status, body: await answer.text() };
    });
    expect(refused.status).toBe(503);
    const problem = JSON.parse(refused.body) as { code: string; detail: string; remedy: string };
    let down = true;
    await page.route(/\/api\/(traces|spans)/, (route) =>
      down
        ? route.fulfill({ status: 503, contentType: "application/problem+json", body: refused.body })
        : route.continue(),
    );
    await page.goto(`${server.url}/traces?where=service+%3D+gateway`);
    const failure = page.getByRole("alert").last();
    await failure.waitFor({ timeout: 60_000 });
    const said = (await failure.textContent()) ?? "";
    for (const part of [problem.code, problem.detail, problem.remedy]) expect(said).toContain(part);
    await eventually(async () => (await fetch(`${server.url}/api/traces`)).status === 200, 60_000);
    down = false;
    const again = page.getByRole("button", { name: "Try again" });
    // Each part of the view failed by itself, and is asked for again by itself.
    for (let left = await again.count(); left > 0; left--) {
      await again.first().click();
      await eventually(async () => (await again.count()) < left);
    }
    await page.locator("tr.opens").first().waitFor();
    expect(search(page).getAll("where")).toEqual(["service = gateway"]);
    expect(problems).toEqual([]);
    await page.close();
  });

  it("says quietly that the server cannot be reached, keeps what it shows, and reconnects by itself", async () => {
    const { page, problems } = await openWatchedPage(context, server, /ERR_FAILED|Failed to load resource/);
    await page.goto(`${server.url}/services`);
    await settle(page);
    await page.route("**/api/**", (route) => route.abort());
    const bar = page.getByText("Traceo cannot be reached");
    await bar.waitFor();
    expect(await visibleText(page)).toContain("inventory");
    await page.unroute("**/api/**");
    await bar.waitFor({ state: "detached" });
    expect(problems).toEqual([]);
    await page.close();
  });
});

it("shows at the first visit how to send to this very server, and turns green when the first data arrives", async () => {
  const fresh = await startServer();
  try {
    const { page, problems } = await openWatchedPage(context, fresh);
    for (const path of ["/traces", "/"]) {
      await page.goto(fresh.url + path);
      await page.getByText("Send your first telemetry").waitFor();
      const text = await visibleText(page);
      expect(text).toContain(`OTEL_EXPORTER_OTLP_ENDPOINT=${fresh.otlpHttp}`);
      expect(text).toContain(fresh.otlpGrpc.replace("http://", ""));
      expect(text).toContain("waiting for logs");
    }
    for (const language of ["Node.js", "Python", "Go", "Java", "curl"]) {
      await page.getByRole("button", { name: language, exact: true }).click();
      expect(await page.locator("pre").textContent()).toContain(fresh.otlpHttp);
    }
    expect((await sendLogs(fresh, "first-service", [{ body: "hello from the first service" }])).status).toBe(200);
    await page.locator(".never-signals .ok-text", { hasText: "logs arriving" }).waitFor();
    expect(await visibleText(page)).toContain("waiting for traces");
    await page.getByText("What is arriving").waitFor();
    await page.getByText("first-service").first().waitFor();
    expect(problems).toEqual([]);
    await page.close();
  } finally {
    await fresh.stop();
    removeData(fresh);
  }
});
