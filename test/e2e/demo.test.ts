import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectControl, type DemoControl } from "../../demo/control-client.ts";
import { TROUBLES, type TroubleAnswer } from "../../demo/troubles.ts";
import type { Home, HomeProblem } from "../../src/api/contract/shapes.ts";
import { openBrowser, openContext } from "./browser.ts";
import { eventually, freePort } from "./server.ts";
import { openWatchedPage } from "./web-watch.ts";

/*
 * The promise of the demo, kept in a real browser: something breaks that nobody names, within a minute Home ranks it first,
 * and three presses later the span that is the cause is open.
 */
const MAIN = join(import.meta.dirname, "../../dist/main.js");
/** Each trouble takes two minutes and wants a quiet machine: `npm run torture` solves them all, a plain test run one. */
const EVERY_TROUBLE = process.env["DEMO_TROUBLES"] === "all";
/** What the page promises a person. */
const FOUND_WITHIN_MS = 60_000;
/** Traffic that Home must have seen before it can tell what differs. */
const BASELINE_MS = 75_000;
const RECOVERED_WITHIN_MS = 180_000;

/** The subject of each trouble that is chosen here, so that every run asks for the same. */
const CHOSEN: Readonly<Record<string, string>> = {
  "slow-query": "ap-south",
  "error-burst": "us-east",
  "memory-leak": "2.4.0",
  "connection-pool": "1.5.0",
  "lock-convoy": "plus",
};

let url: string;
let dataDir: string;
let program: ChildProcess;
let output = "";
let control: DemoControl;
let browser: Browser;
let page: Page;
let pageProblems: readonly string[];

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error("dist/main.js is missing: run `npm run build` first.");
  dataDir = mkdtempSync(join(tmpdir(), "traceo-demo-"));
  const [ui, http, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
  url = `http://127.0.0.1:${ui}`;
  program = spawn(
    process.execPath,
    [
      MAIN,
      "demo",
      "--data",
      dataDir,
      "--listen",
      `127.0.0.1:${ui}`,
      "--otlp-http",
      `127.0.0.1:${http}`,
      "--otlp-grpc",
      `127.0.0.1:${grpc}`,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const read = (chunk: Buffer): void => {
    output += chunk.toString("utf8");
  };
  program.stdout!.on("data", read);
  program.stderr!.on("data", read);
  await eventually(async () => {
    if (program.exitCode !== null) throw new Error(`the demo left with ${program.exitCode}:\n${output}`);
    return /npm run demo -- break/.test(output);
  }, 180_000);
  control = connectControl(join(dataDir, "shop"));
  browser = await openBrowser();
  const context = await openContext(browser, 1440);
  const watched = await openWatchedPage(context, { url });
  page = watched.page;
  pageProblems = watched.problems;
}, 240_000);

afterAll(async () => {
  await browser?.close();
  if (program !== undefined && program.exitCode === null) {
    const left = new Promise((resolve) => program.once("exit", resolve));
    program.kill("SIGTERM");
    await left;
  }
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

/** Home's problems, but for what the machine that runs the tests does to all alike: no trouble of the shop. */
async function readProblems(): Promise<readonly HomeProblem[]> {
  const response = await fetch(`${url}/api/home`);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return ((await response.json()) as Home).problems.filter(({ id }) => id !== "latency:everything");
}

const said = (problem: HomeProblem): string =>
  `${problem.score.toFixed(2)} ${problem.title}: ${problem.detail} ${problem.differences.map(({ field, value }) => `${field}=${value}`).join(" ")}`;

/** Seconds of traffic that Home can look back on. */
async function trafficMs(): Promise<number> {
  const response = await fetch(`${url}/api/sql?format=JSONEachRow`, {
    method: "POST",
    body: "SELECT dateDiff('millisecond', min(start_time), max(start_time)) AS ms FROM spans",
  });
  return Number(((await response.json()) as { ms: string | number }).ms);
}

/** Whether the card is about the trouble: it names the service that the cause is in, and first whom it hits. */
function isAbout(problem: HomeProblem | undefined, answer: TroubleAnswer): boolean {
  const [first] = problem?.differences ?? [];
  return (
    problem?.service === answer.service &&
    first !== undefined &&
    first.field.replace(/^(attributes|resource)\./, "") === answer.attribute &&
    first.value === answer.value
  );
}

/** The first card once it is about the trouble; fails with what Home said instead when the time is up. */
async function findFirst(answer: TroubleAnswer): Promise<HomeProblem> {
  let last = "nothing";
  return await eventually(async () => {
    const problems = await readProblems();
    last = problems.map(said).join("\n") || "nothing";
    if (!isAbout(problems[0], answer)) throw new Error(`Home said:\n${last}`);
    return problems[0];
  }, FOUND_WITHIN_MS);
}

/** From Home by three presses to the span that is the cause; each is what a person would press. */
async function followToTheCause(answer: TroubleAnswer): Promise<void> {
  await page.goto(`${url}/`);
  const card = page.locator(".problem-list > li").first();
  await card.getByText(answer.value, { exact: true }).first().waitFor();

  // 1: the card's link, to the traces that are hit beside those that are not, and what tells them apart.
  await card.getByRole("link", { name: /Find the cause/ }).click();
  const differences = page.getByRole("region", { name: "Differences" });
  await differences.locator(".difference", { hasText: answer.value }).first().waitFor();

  // 2: a trace of them.
  await page.getByRole("table", { name: "Traces" }).locator("tbody tr[data-index]").first().click();
  await page.getByRole("treegrid", { name: "Spans of the trace" }).waitFor();

  // 3: the span. It may be open already, since the list leads to the span that matched.
  await openSpan(answer);
}

async function openSpan(answer: TroubleAnswer): Promise<void> {
  const row = page
    .getByRole("treegrid", { name: "Spans of the trace" })
    .getByRole("row")
    .filter({ hasText: answer.span })
    .filter({ has: page.locator(".wf-service", { hasText: answer.service }) });
  await row.locator(".wf-title").first().click();
  const inspector = page.getByRole("complementary", { name: "Span" });
  await inspector.getByRole("heading", { name: answer.span }).waitFor();
  await inspector.getByText(answer.service, { exact: true }).first().waitFor();
  await inspector.getByText(answer.value, { exact: true }).first().waitFor();
}

/** Home is calm about operations again: the next trouble would be seen as such. */
async function recover(): Promise<void> {
  await eventually(async () => {
    const problems = await readProblems();
    const left = problems.filter(({ kind }) => kind === "errors" || kind === "latency");
    if (left.length > 0) throw new Error(`still there:\n${left.map(said).join("\n")}`);
    return true;
  }, RECOVERED_WITHIN_MS);
}

async function revealInBrowser(): Promise<string> {
  await page.goto(`${url}/`);
  await page.getByRole("button", { name: "Reveal and undo" }).click();
  const told = page.locator(".demo-body [role=status]");
  await told.getByText("· undone").waitFor();
  return (await told.textContent()) ?? "";
}

describe("the demo", () => {
  it("starts healthy, and Home is quiet", async () => {
    await eventually(async () => {
      const problems = await readProblems();
      // No alarm while it warms up either.
      if (problems.length > 0) expect(problems.map(said)).toEqual([]);
      return (await trafficMs()) > BASELINE_MS;
    }, 180_000);
    await page.goto(`${url}/`);
    await page.getByText("nothing lost").waitFor();
  }, 240_000);

  const solved = new Set<string>();

  it("breaks something in the browser without naming it; it is found, revealed and undone", async () => {
    await page.goto(`${url}/`);
    await page.getByRole("button", { name: "Break something" }).click();
    await page.getByText(/^Something broke/).waitFor();
    const brokenMs = (await control.state()).brokenSinceMs!;
    // Nobody says which it is: Home's first card must be one of the possible answers, and the right one.
    const answers = TROUBLES.flatMap((trouble) =>
      trouble.subjects.map((subject) => ({ trouble, subject, answer: trouble.answer(subject) })),
    );
    const found = await eventually(async () => {
      const problems = await readProblems();
      const guess = answers.find(({ answer }) => isAbout(problems[0], answer));
      if (guess === undefined) throw new Error(`Home said:\n${problems.map(said).join("\n")}`);
      return guess;
    }, FOUND_WITHIN_MS);
    expect(Date.now() - brokenMs).toBeLessThan(FOUND_WITHIN_MS + 5000);
    await page.goto(`${url}/`);
    const card = page.locator(".problem-list > li").first();
    await card.getByRole("link", { name: /Find the cause/ }).click();
    await page.getByRole("table", { name: "Traces" }).locator("tbody tr[data-index]").first().click();
    await page.getByRole("treegrid", { name: "Spans of the trace" }).waitFor();
    const trace = page.url();

    const told = await revealInBrowser();
    const done = answers.find(
      ({ trouble, subject }) => told.includes(trouble.title) && told.includes(trouble.affected(subject)),
    )!;
    // Several troubles show in one service; what was found must hold the cause of the one that was made.
    expect(done.answer.service, `${told}\nfound ${found.answer.service}`).toBe(found.answer.service);
    expect(done.answer.value).toBe(found.answer.value);
    expect(told).toContain(done.trouble.explain(done.subject).slice(0, 40));
    solved.add(done.trouble.name);
    await page.goto(trace);
    await openSpan(done.answer);
    await recover();
  }, 330_000);

  it.runIf(EVERY_TROUBLE).each(TROUBLES.map((trouble) => [trouble.name, trouble] as const))(
    "%s: Home ranks it first within a minute, and three presses lead to its cause",
    async (name, trouble) => {
      if (solved.has(name)) return;
      const subject = CHOSEN[name]!;
      const answer = trouble.answer(subject);
      await control.break({ trouble: name, subject });
      const card = await findFirst(answer);
      await followToTheCause(answer);
      expect(await revealInBrowser()).toContain(trouble.affected(subject));
      expect((await control.state()).broken).toBe(false);
      expect(card.link).toMatch(/^\/traces\?.*select=/);
      await recover();
    },
    330_000,
  );

  it("shows no error on any page of the way", () => {
    expect(pageProblems).toEqual([]);
  });
});
