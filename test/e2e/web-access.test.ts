import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import axe from "axe-core";
import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openContext } from "./browser.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";
import { type Place, placesOf } from "./web-addresses.ts";
import type { Scene } from "./web-scene.ts";
import { openWatchedPage, sendScene, settle } from "./web-watch.ts";

const GOLDEN = join(import.meta.dirname, "golden/keyboard.txt");

let browser: Browser;
let server: TestServer;
let scene: Scene;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  scene = await sendScene(server);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  removeData(server);
});

const ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/** Runs axe in the page's own world; it came there before the page, through the protocol, which the policy does not bind. */
async function violations(page: Page, only: readonly string[] = ALL_RULES): Promise<string[]> {
  return await page.evaluate<string[]>(
    `axe.run(document, { runOnly: ${JSON.stringify(only)}, resultTypes: ["violations"] }).then(
      ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none }) =>
        id + " " + target.flat().join(" ") + ": " + [...any, ...all, ...none].map(({ message }) => message).join("; "))))`,
  );
}

describe.each([1440, 390])("access at %d px", (width) => {
  // On a phone: what an on-call person needs.
  const examined = (places: readonly Place[]): readonly Place[] =>
    width > 390 ? places : places.filter(({ name }) => ["Home", "Services", "Traces", "Span", "Logs"].includes(name));
  let page: Page;
  let problems: string[];
  const found: string[] = [];
  beforeAll(async () => {
    const context = await openContext(browser, width);
    await context.addInitScript(axe.source);
    ({ page, problems } = await openWatchedPage(context, server));
  });

  /** Every rule in dark, those about colour in light too. Which theme the system asks for is another test's matter. */
  async function examine(name: string): Promise<void> {
    for (const [theme, rules] of [
      ["light", COLOUR_RULES],
      ["dark", ALL_RULES],
    ] as const) {
      await page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
      found.push(...(await violations(page, rules)).map((violation) => `${name}, ${theme}: ${violation}`));
    }
  }

  it("is examined by something that finds planted faults, here", async () => {
    await page.goto(server.url);
    await settle(page);
    await page.evaluate(
      `document.body.insertAdjacentHTML("beforeend", "<div id=planted><button></button><input><span id=pale>pale</span></div>");
       Object.assign(document.querySelector("#planted").style, { position: "fixed", inset: 0, background: "#777", zIndex: 99 });
       document.querySelector("#pale").style.color = "#888";`,
    );
    const planted = (await violations(page)).join("\n");
    expect(planted).toMatch(/button-name #planted/);
    expect(planted).toMatch(/^label /m);
    expect(planted).toMatch(/color-contrast #pale/);
  });

  it("has no violation of WCAG 2.2 A and AA in any view, dark and light", async () => {
    for (const place of examined(placesOf(scene))) {
      await page.goto(server.url + place.path);
      await settle(page);
      await examine(place.name);
      if ((await page.evaluate<number>("document.documentElement.scrollWidth")) > width)
        found.push(`${place.name}: wider than the screen`);
    }
    expect(found.splice(0)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it("has none in what opens over a view", async () => {
    await page.goto(`${server.url}/logs?where=service+%3D+payments&text=charge`);
    await settle(page);
    await page.locator(".log-line").first().click();
    await page.getByRole("button", { name: "Around this line" }).click();
    await page.locator(".context-line.pinned").waitFor();
    await examine("an opened line");
    await page.locator(".attribute").getByRole("button").first().click();
    await page.getByRole("dialog").waitFor();
    await examine("a value's menu");
    await page.keyboard.press("Escape");
    await page.getByLabel("Add a filter").focus();
    await page.getByRole("option").first().waitFor();
    await examine("suggestions");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Lines by severity as table" }).click();
    await examine("a chart as table");
    await page.keyboard.press("t");
    await page.getByRole("dialog", { name: "Time range" }).waitFor();
    await examine("the time range");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await examine("the keyboard help");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Commands" }).waitFor();
    await examine("the commands");
    await page.keyboard.press("Escape");
    if (width > 390) {
      await page.keyboard.press("e");
      await page.getByRole("complementary", { name: /trail/i }).waitFor();
      await settle(page);
      await examine("the trail");
    }
    expect(found.splice(0)).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe("the keyboard", () => {
  let page: Page;
  let protocol: CDPSession;
  beforeAll(async () => {
    ({ page } = await openWatchedPage(await openContext(browser), server));
    protocol = await page.context().newCDPSession(page);
    await protocol.send("Accessibility.enable");
  });

  /** Role and name of what has the focus, as a screen reader is told. */
  async function focused(): Promise<string> {
    const { result } = await protocol.send("Runtime.evaluate", {
      expression:
        "(() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; })()",
    });
    if (result.objectId === undefined) return "nothing";
    const { nodes } = await protocol.send("Accessibility.getPartialAXTree", {
      objectId: result.objectId,
      fetchRelatives: false,
    });
    const role = String(nodes[0]?.role?.value ?? "");
    const name = String(nodes[0]?.name?.value ?? "").replaceAll(/\s+/g, " ");
    // What depends on the time of the run is no part of the walk.
    return `${role} ${JSON.stringify(
      name
        .replaceAll(/\d\d:\d\d(:\d\d)?(\.\d+)?/g, "hh:mm")
        .replaceAll(/[0-9a-f]{32}/g, "trace id")
        .replaceAll(/just now|\d+ (s|min|h) ago/g, "ago")
        .replaceAll(/\d[\d.,]*( k)?\/(s|min|h)\b/g, "n/s")
        .replaceAll(/\d[\d.]* items|now [\d.]+, highest [\d.]+/g, "n items"),
    )}`;
  }

  /** Whether an outline or a shadow shows the focus, of the element or of the field around it. */
  async function isFocusSeen(): Promise<boolean> {
    return await page.evaluate<boolean>(`(() => {
      const element = document.activeElement;
      const { width, height } = element.getBoundingClientRect();
      if (width === 0 || height === 0) return false;
      if (element.shadowRoot) return true;
      for (let around = element, up = 0; around && up < 3; around = around.parentElement, up++) {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(around);
        if ((outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none") return true;
      }
      return false;
    })()`);
  }

  /** Presses Tab until the focus is back where it began; the list of what it passed. */
  async function tabAround(most: number): Promise<string[]> {
    const passed: string[] = [];
    for (let i = 0; i < most; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate<boolean>("document.activeElement === document.body")) return passed;
      passed.push(`${await focused()}${(await isFocusSeen()) ? "" : ", not seen to have the focus"}`);
    }
    throw new Error(`the focus did not come round in ${most} steps: trapped?\n${passed.join("\n")}`);
  }

  /** How many troubles and services Home lists, and in which order, depends on the time of the run. */
  function withoutTheirNumber(lines: readonly string[]): string[] {
    const names = [...scene.services, "traceo"];
    const named = lines.map((line) =>
      / since hh:mm|"Find the cause"/.test(line)
        ? ""
        : names.some((name) => line === `link "${name}"`)
          ? "link of each service"
          : line,
    );
    return named.filter((line, i) => line !== "" && (line !== named[i - 1] || !/ of each /.test(line)));
  }

  it("reaches everything in order, shows where it is, and is never trapped: the golden walk", async () => {
    const walk: string[] = [];
    const note = (title: string, lines: readonly string[]): void => {
      walk.push(`# ${title}`, ...lines, "");
    };
    for (const [title, path] of [
      ["Home", "/"],
      ["Services", "/services"],
      ["Traces", "/traces"],
      ["a service", "/services/payments"],
      ["Traces, filtered", "/traces?where=service+%3D+payments&where=status+%3D+error"],
      ["Trace with a span open", `/traces/${scene.failedTrace}?open=${scene.failedSpan}`],
      // Without the last minute, in which the server says something itself.
      [
        "Logs",
        `/logs?where=severity+%3E%3D+warn&from=${new Date(scene.startMs).toISOString()}&to=${new Date(scene.endMs - 60_000).toISOString()}`,
      ],
      ["Metrics", "/metrics?text=queue"],
      ["a metric", "/metrics?metric=queue.depth&group=resource.service.name"],
      ["the map", "/services?tab=map"],
      ["SQL", "/sql"],
    ] as const) {
      await page.goto(server.url + path);
      await settle(page);
      if (path !== "/") {
        // The rail and the bar are passed once, on Home; then the way past them is taken.
        await page.keyboard.press("Tab");
        expect(await focused()).toBe('link "Skip to the view"');
        await page.keyboard.press("Enter");
      }
      note(`Tab through ${title}`, withoutTheirNumber(await tabAround(150)));
    }
    const lines: string[] = [];
    const press = async (key: string): Promise<void> => {
      await page.keyboard.press(key);
    };
    await page.goto(server.url);
    await settle(page);
    for (const key of ["s", "t", "l", "m", "q", "h"]) {
      await press("g");
      await press(key);
      await settle(page);
      lines.push(`g ${key} → ${new URL(page.url()).pathname}, ${await page.evaluate<string>("document.title")}`);
    }
    note("Keys that go to a view", lines.splice(0));
    await press("g");
    await press("t");
    await settle(page);
    const at = async (keys: string): Promise<void> => {
      lines.push(`${keys} → ${await focused()}`);
    };
    await press("/");
    await at("/");
    await press("Escape");
    await press("Escape");
    await at("Escape Escape");
    for (const [keys, dialog] of [
      ["?", "Keyboard"],
      ["Control+k", "Commands"],
      ["t", "Time range"],
    ] as const) {
      await press(keys);
      await page.getByRole("dialog", { name: dialog }).waitFor();
      await at(keys);
      await press("Tab");
      await at(`${keys} Tab`);
      await press("Escape");
      await page.getByRole("dialog", { name: dialog }).waitFor({ state: "detached" });
      await at(`${keys} Tab Escape`);
    }
    note("Keys that open and close", lines.splice(0));
    const text = `${walk.join("\n").trimEnd()}\n`;
    if (process.env["UPDATE"] === "1") {
      mkdirSync(dirname(GOLDEN), { recursive: true });
      writeFileSync(GOLDEN, text);
    }
    expect(text).toBe(readFileSync(GOLDEN, "utf8"));
  });

  /** Presses Tab until what has the focus is that. */
  async function tabTo(what: RegExp, most = 80): Promise<void> {
    const passed: string[] = [];
    for (let i = 0; i < most; i++) {
      await page.keyboard.press("Tab");
      const now = await focused();
      if (what.test(now)) return;
      passed.push(now);
    }
    throw new Error(`Tab does not lead to ${what}:\n${passed.join("\n")}`);
  }
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const search = (): URLSearchParams => new URL(page.url()).searchParams;

  it("leads from Traces to the reason: a filter, a region and its differences, a trace, a span, and back", async () => {
    await page.goto(`${server.url}/traces`);
    await settle(page);
    await press("/");
    await page.keyboard.type("service = payments");
    await press("Enter");
    await page.waitForURL(/where=service/);
    await press("Escape");
    await settle(page);
    await tabTo(/^application "Heatmap/);
    const column = await page.evaluate<string>(`(() => {
      const status = document.querySelector(".heatmap [role=status]");
      return status.textContent;
    })()`);
    expect(column).toBe("");
    await press("ArrowRight");
    expect(await page.locator(".heatmap [role=status]").textContent()).toMatch(/^\d+ spans/);
    // All of the map: to its one corner, then extended to the other.
    for (let i = 0; i < 12; i++) await press("Control+ArrowLeft", "Control+ArrowDown");
    for (let i = 0; i < 20; i++) await press("Control+Shift+ArrowRight", "Control+Shift+ArrowUp");
    expect(await page.locator(".heatmap [role=status]").textContent()).toMatch(/^31 spans, 4 failed/);
    await press("Enter");
    await page.waitForURL(/select=/);
    await page.getByText("What is different about").waitFor();
    await settle(page);
    await press("Escape");
    await page.waitForURL((url) => !url.searchParams.has("select"));
    await settle(page);
    await tabTo(/"Most errors"/);
    await press("Enter");
    await settle(page);
    await tabTo(/^row /);
    await press("ArrowDown", "ArrowUp", "Enter");
    await page.locator(".waterfall").waitFor();
    await settle(page);
    await tabTo(/^treegrid /);
    await press("End", "Enter");
    await page.getByRole("complementary", { name: "Span" }).getByText(scene.reason).first().waitFor();
    await page.goBack();
    await page.waitForURL(/\/traces\?/);
    await settle(page);
    expect(search().getAll("where")).toEqual(["service = payments"]);
  });

  it("opens a log line, follows, picks a metric and completes SQL", async () => {
    await page.goto(`${server.url}/logs?where=service+%3D+payments`);
    await settle(page);
    await tabTo(/^button .*charge/, 120);
    await press("ArrowDown", "ArrowRight");
    await page.locator(".log-detail").waitFor();
    expect(search().get("open")).not.toBeNull();
    await press("ArrowLeft");
    await page.locator(".log-detail").waitFor({ state: "detached" });
    await page.goto(`${server.url}/metrics`);
    await settle(page);
    await tabTo(/^link "queue\.depth/);
    await press("Enter");
    await page.waitForURL(/metric=queue\.depth/);
    await page.goto(`${server.url}/sql`);
    await settle(page);
    await tabTo(/^textbox "SQL statement"/);
    await press("Control+a");
    await page.keyboard.type("SELECT count() FROM spa");
    await page.getByRole("option", { name: /^span/ }).nth(1).waitFor();
    // What has just opened takes no keys at first, so that fast typing does not choose by mistake: then it is opened again.
    const editor = page.getByRole("textbox", { name: "SQL statement" });
    await eventually(async () => {
      await press("ArrowDown");
      const chosen = await page.getByRole("option", { selected: true }).textContent({ timeout: 1000 });
      if (chosen?.startsWith("span_stats") !== true) return false;
      await press("Enter");
      if ((await editor.textContent()) === "SELECT count() FROM span_stats") return true;
      await press("Control+z", "Control+Space");
      return false;
    });
    await press("Control+Enter");
    await page.getByText("1 row", { exact: true }).waitFor();
    expect(search().get("sql")).toBe("SELECT count() FROM span_stats");
    // The editor is no trap.
    await press("Escape", "Tab");
    expect(await focused()).toBe('button "Run"');
  });
});
