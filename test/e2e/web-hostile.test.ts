import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openContext } from "./browser.ts";
import { hexId } from "./send.ts";
import { removeData, startServer, type TestServer } from "./server.ts";
import { gaugeOf, logOf, sendParts, spanOf } from "./web-scene.ts";
import { openWatchedPage, rowsArrive, settle, visibleText, type WatchedPage } from "./web-watch.ts";

const run = (place: string): string => `window.__ran=(window.__ran||'')+'${place} '`;
const SCRIPT = (place: string): string => `</title></script><script>${run(place)}</script>`;
const IMAGE = (place: string): string => `<img src=x onerror="${run(place)}">`;
const LINK = `javascript:${run("link")}`;
// A right-to-left override would show `gnp.exe` as `exe.png`; a bell, an escape sequence and a zero width space hide.
const HIDING = "invoice\u202egnp.exe \u0007\u001b[31mred\u001b[0m zero\u200bwidth";
const MEGABYTE = `begin ${"x".repeat(1_000_000)} end`;

const SERVICE = `shop ${IMAGE("service")}`;
const SPAN = `GET ${SCRIPT("span")}${IMAGE("span")}`;
const STATUS = `failed ${IMAGE("status")}`;
const KEY = `key ${IMAGE("key")}`;
const HIDING_KEY = "key\u202eyek";
const VALUE = `value ${SCRIPT("value")}${IMAGE("value")}`;
const METRIC = `metric ${IMAGE("metric")}`;
const LINE = `line ${SCRIPT("log")}${IMAGE("log")}`;
const traceId = hexId(7, 16);
const spanId = hexId(8, 8);

let browser: Browser;
let server: TestServer;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  const now = Date.now();
  const attributes = {
    [KEY]: VALUE,
    hiding: HIDING,
    [HIDING_KEY]: "of a reversed key",
    long: MEGABYTE,
    link: LINK,
    "link.data": `data:text/html,${IMAGE("data")}`,
    "link.http": "https://example.com/why?a=b",
    "link.login": "https://user:secret@example.com/",
    prototype: "x",
    __proto__x: IMAGE("proto"),
    constructor: IMAGE("constructor"),
  };
  await sendParts(server, [
    {
      service: SERVICE,
      spans: [
        spanOf({
          traceId,
          spanId,
          name: SPAN,
          kind: 2,
          startMs: now - 3000,
          durationMs: 50,
          status: { code: 2, message: STATUS },
          attributes,
          events: [
            {
              timeUnixNano: String(BigInt(now - 2990) * 1_000_000n),
              name: `event ${IMAGE("event")}`,
              attributes: [{ key: KEY, value: { stringValue: VALUE } }],
            },
          ],
        }),
        spanOf({
          traceId,
          spanId: hexId(9, 8),
          parentSpanId: spanId,
          name: HIDING,
          startMs: now - 2990,
          durationMs: 9,
        }),
      ],
      logs: [
        logOf({ timeMs: now - 2980, body: LINE, traceId, spanId, severityText: IMAGE("severity"), attributes }),
        logOf({ timeMs: now - 2970, body: HIDING }),
        logOf({ timeMs: now - 2960, body: MEGABYTE }),
        logOf({ timeMs: now - 2950, body: LINK }),
      ],
      metrics: [gaugeOf(METRIC, IMAGE("unit"), [[now - 2000, 1]])],
    },
  ]);
  await rowsArrive(server, 2, 4);
  watched = await openWatchedPage(await openContext(browser), server);
  page = watched.page;
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  removeData(server);
});

/** Nothing that was sent ran, became an element, or can be pressed to run. */
async function expectHarmless(): Promise<void> {
  expect(await page.evaluate("window.__ran ?? null")).toBeNull();
  expect(
    await page.evaluate(
      "[...document.querySelectorAll('img, iframe, object, embed, base, [onerror], [onclick], script:not([src])')].map((e) => e.outerHTML)",
    ),
  ).toEqual([]);
  expect(
    await page.evaluate(
      "[...document.querySelectorAll('a, area, form, [xlink\\\\:href]')].map((e) => e.getAttribute('href') ?? '').filter((href) => !/^(\\/|#|https?:)/.test(href))",
    ),
  ).toEqual([]);
  expect(watched.problems).toEqual([]);
}

/** No control or bidirectional character is left in text, titles and names: it would hide or reorder what is read. */
async function expectNoHidingCharacter(): Promise<void> {
  expect(
    await page.evaluate(
      "[document.body.innerText, ...[...document.querySelectorAll('[title], [aria-label]')].flatMap((e) => [e.getAttribute('title') ?? '', e.ariaLabel ?? ''])].flatMap((text) => [...text.matchAll(/[\\u0000-\\u0008\\u000b-\\u001f\\u007f\\u200b\\u202a-\\u202e\\u2066-\\u2069]/g)]).map(([c]) => c.codePointAt(0).toString(16))",
    ),
  ).toEqual([]);
}

describe("hostile telemetry", () => {
  it("would be caught by what this test looks at", async () => {
    const trial = await openContext(browser);
    const plain = await trial.newPage();
    await plain.setContent(`<p>${IMAGE("trial")}</p>`);
    await plain.waitForFunction("window.__ran !== undefined");
    expect(await plain.evaluate("document.querySelectorAll('img, [onerror]').length")).toBe(1);
    await trial.close();
  });

  it.each([
    ["Home", "/", [SERVICE]],
    ["Services", "/services", [SERVICE]],
    ["the map", "/services?tab=map", []],
    ["a service", `/services/${encodeURIComponent(SERVICE)}`, [SERVICE, SPAN]],
    ["Traces", "/traces", [SPAN]],
    ["Differences", "/traces?select=%3Dstatus+%3D+error", []],
    ["spans by name", "/traces?group=name", [SPAN]],
    ["spans by a hostile key", `/traces?group=${encodeURIComponent(`attributes.${KEY}`)}`, []],
    ["the waterfall", `/traces/${traceId}`, [SPAN, SERVICE]],
    ["the flame", `/traces/${traceId}?tab=flame`, [SERVICE]],
    ["the comparison", `/traces/${traceId}?tab=compare`, []],
    ["Logs", "/logs", [LINE]],
    ["patterns", "/logs?tab=patterns", []],
    ["columns", "/logs?columns=attributes.hiding,attributes.link,severity", [LINE]],
    ["Metrics", "/metrics", [METRIC]],
    ["a metric", `/metrics?metric=${encodeURIComponent(METRIC)}`, [METRIC]],
    ["SQL", "/sql?sql=SELECT+name,+attributes+FROM+spans", [SPAN]],
    [
      "a hostile address",
      `/logs?where=${encodeURIComponent(IMAGE("address"))}&text=${encodeURIComponent(IMAGE("text"))}&group=${encodeURIComponent(IMAGE("group"))}`,
      [],
    ],
    ["a hostile trace id", `/traces/${encodeURIComponent(IMAGE("id"))}`, []],
  ] as const)("is text in %s", async (name, path, shown) => {
    // A question that means nothing is refused, and an unknown trace is not found: the browser notes both.
    const refused = /hostile/.test(name);
    await page.goto(server.url + path);
    await settle(page);
    const text = await visibleText(page);
    for (const words of shown) expect(text).toContain(words.replaceAll(/\s+/g, " "));
    if (refused)
      watched.problems.splice(0, 99, ...watched.problems.filter((problem) => !/status of 40[04]/.test(problem)));
    await expectHarmless();
    await expectNoHidingCharacter();
  });

  it("is text in an opened span: keys, values, the status message, events", async () => {
    await page.goto(`${server.url}/traces/${traceId}?open=${spanId}`);
    await settle(page);
    const panel = page.getByRole("complementary", { name: "Span" });
    const text = (await panel.textContent()) ?? "";
    for (const words of [SPAN, SERVICE, STATUS, KEY, VALUE, `event ${IMAGE("event")}`]) expect(text).toContain(words);
    await expectHarmless();
    await expectNoHidingCharacter();
  });

  it("shows what hides as marks with a name", async () => {
    const hiding = page.locator(".attribute", { has: page.getByText("hiding", { exact: true }) });
    expect(await hiding.locator("dd .mark").allTextContents()).toEqual([
      "U+202E",
      "U+0007",
      "U+001B",
      "U+001B",
      "U+200B",
    ]);
    expect(await hiding.locator(".mark").first().getAttribute("title")).toBe("U+202E right-to-left override");
    // Letters stand in the order in which they were sent.
    expect(await hiding.locator("dd").textContent()).toContain("invoiceU+202Egnp.exe");
  });

  it("cuts a long value, and shows all that was kept of it when asked", async () => {
    const long = page.locator(".attribute", { has: page.getByText("long", { exact: true }) });
    expect(((await long.textContent()) ?? "").length).toBeLessThan(3000);
    await long.getByRole("button", { name: "show all" }).click();
    // An attribute's value is kept up to 64 KiB.
    expect(((await long.textContent()) ?? "").length).toBeGreaterThan(65_000);
    await expectHarmless();
  });

  it("links only what is http or https and hides no login, without opener and referrer", async () => {
    const links = page.locator(".attribute dd a");
    expect(
      await links.evaluateAll((all) =>
        all.map((link) => ["href", "target", "rel"].map((name) => link.getAttribute(name))),
      ),
    ).toEqual([["https://example.com/why?a=b", "_blank", "noopener noreferrer"]]);
  });

  it("stays harmless when its values are pressed: menu, filter chip, suggestions, copies", async () => {
    await page.locator(".attribute", { hasText: VALUE }).first().getByRole("button").click();
    await page.getByRole("dialog").waitFor();
    expect(await page.getByRole("dialog").textContent()).toContain(VALUE.slice(0, 70));
    await expectHarmless();
    await expectNoHidingCharacter();
    await page.getByRole("dialog").getByRole("button", { name: "Group by" }).click();
    await settle(page);
    await expectHarmless();
    await page.goto(`${server.url}/traces?where=${encodeURIComponent(`name = ${JSON.stringify(SPAN)}`)}`);
    await settle(page);
    expect(await page.locator(".chip").textContent()).toContain("<script>");
    expect(await page.locator("tr.opens").count()).toBe(1);
    await page.getByLabel("Add a filter").fill("service = ");
    await page.getByRole("option").first().waitFor();
    await expectHarmless();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Search views/ }).fill("onerror");
    await page.getByRole("option").first().waitFor();
    await expectHarmless();
  });

  it("cuts a line of a megabyte, opened as well, and shows all of it when asked", async () => {
    await page.goto(`${server.url}/logs?where=body+~+begin`);
    await settle(page);
    const line = page.locator(".log-item");
    expect(((await line.textContent()) ?? "").length).toBeLessThan(2000);
    await line.locator(".log-line").click();
    const full = page.locator(".log-full");
    await full.waitFor();
    expect(((await full.textContent()) ?? "").length).toBeLessThan(9000);
    await full.getByRole("button", { name: "show all" }).click();
    expect((await full.textContent()) ?? "").toMatch(/^begin x{999994}… cut at 1 MB$/);
    await expectHarmless();
  });

  it("marks what hides in a key, also where it names a menu and a group", async () => {
    await page.goto(`${server.url}/traces/${traceId}?open=${spanId}`);
    await settle(page);
    await page.locator(".attribute", { hasText: "of a reversed key" }).getByRole("button").click();
    expect(await page.getByRole("dialog").textContent()).toContain("⟨U+202E⟩");
    await expectNoHidingCharacter();
    await page.getByRole("dialog").getByRole("button", { name: "Group by" }).click();
    await settle(page);
    await expectNoHidingCharacter();
    watched.problems.splice(0, 99, ...watched.problems.filter((problem) => !/status of 400/.test(problem)));
    await expectHarmless();
  });

  it("opens a hostile log line in place", async () => {
    await page.goto(`${server.url}/logs?text=line`);
    await settle(page);
    await page.locator(".log-line").first().click();
    const detail = page.locator(".log-detail");
    await detail.waitFor();
    expect(await detail.textContent()).toContain(LINE);
    await page.getByRole("button", { name: "Around this line" }).click();
    await page.locator(".context-line.pinned").waitFor();
    await expectHarmless();
    await expectNoHidingCharacter();
  });
});
