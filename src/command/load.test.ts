import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { RunProgress } from "#load/load-run.ts";
import { runCommandLine } from "./command-line.ts";
import { openLoadScreen, printBar, printElapsed, printLogLine, printPlain, printScreen } from "./load-screen.ts";

const folder = mkdtempSync(join(tmpdir(), "traceo-load-command-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function command(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await runCommandLine(["load", ...args], {
    environment: { PATH: process.env["PATH"] },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

const progress: RunProgress = {
  stage: "running",
  elapsedMs: 65_400,
  plannedMs: 120_000,
  users: 20,
  activeUsers: 12,
  maxUsers: 20,
  scenarios: [
    {
      name: "browse",
      executor: "ramping-vus",
      state: "running",
      progress: 0.5,
      completed: 1234,
      interrupted: 0,
      dropped: 0,
      activeUsers: 12,
      targetRate: undefined,
    },
    {
      name: "buy",
      executor: "constant-arrival-rate",
      state: "waiting",
      progress: 0,
      completed: 0,
      interrupted: 2,
      dropped: 7,
      activeUsers: 0,
      targetRate: 50,
    },
  ],
  thresholds: [
    { metric: "http_req_duration", source: "p(95)<500", verdict: "failed", observed: 612.3456 },
    { metric: "checks", source: "rate>0.9", verdict: "passed", observed: 1 },
  ],
  requests: 4000,
  requestsPerSecond: 203.4,
  iterationsPerSecond: 98,
  requestP95Ms: 612.3456,
};

describe("the screen of a run", () => {
  it("draws a line a scenario, with bar, users, counts, rates and thresholds", () => {
    expect(printScreen(progress, 200)).toEqual([
      "running 1m05s of 2m00s · 12/20 users · 1,234 iterations, 98/s · 203 requests/s, p95 612.3 ms · 7 dropped",
      "browse   [==============>---------------]  50%  12 users  1,234 done",
      "buy    · [------------------------------]   0%  0 users  0 done, 2 interrupted, 7 dropped  50.0 iterations/s wanted",
      "✗ http_req_duration p(95)<500: 612.3",
      "✓ checks rate>0.9: 1",
    ]);
    expect(printScreen(progress, 40).every((line) => line.length <= 40)).toBe(true);
    expect(printPlain(progress)).toContain("browse 50%, buy waits · crossed: http_req_duration p(95)<500");
  });

  it("prints bars and times", () => {
    expect([printBar(0, 4), printBar(0.5, 4), printBar(1, 4), printBar(7, 4)]).toEqual([
      "[----]",
      "[=>--]",
      "[====]",
      "[====]",
    ]);
    expect([printElapsed(900), printElapsed(61_000), printElapsed(3_725_000)]).toEqual(["0.9s", "1m01s", "1h02m05s"]);
  });

  it("writes log lines as k6 does", () => {
    const line = { level: "warn", text: 'say "hi"', source: "console", user: 1 } as const;
    expect(printLogLine(line, 12_345, true, new Date(0))).toBe('WARN[0012] say "hi"  source=console');
    expect(printLogLine(line, 0, false, new Date(0))).toBe(
      'time="1970-01-01T00:00:00Z" level=warning msg="say \\"hi\\"" source=console',
    );
  });

  it("redraws its block and puts log lines above it", () => {
    let text = "";
    const screen = openLoadScreen({
      write: (more) => {
        text += more;
      },
      isTerminal: true,
      columns: () => 100,
      isQuiet: false,
      isVerbose: false,
    });
    screen.progress(progress);
    screen.log({ level: "debug", text: "unseen", source: "console", user: 1 });
    screen.log({ level: "info", text: "seen", source: "console", user: 1 });
    screen.close();
    const block = `${printScreen(progress, 100).join("\n")}\n`;
    const erase = "\x1b[5A\x1b[0J";
    expect(text).toBe(`${block}${erase}INFO[0000] seen  source=console\n${block}${erase}`);
  });
});

describe("traceo load", () => {
  it("explains itself", async () => {
    const { code, out } = await command("--help");
    expect(code).toBe(0);
    for (const part of ["-u, --vus N", "--execution-segment PART", "-o, --out NAME=ARG", "111 void", "convert HAR"])
      expect(out).toContain(part);
  });

  it.each([
    [[], 2, "name one script"],
    [["a.js", "b.js"], 2, "name one script"],
    [["--nonsense", "a.js"], 2, "--nonsense"],
    [["missing.js"], 104, "there is no file"],
    [["--vus", "many", join(folder, "a.js")], 104, "--vus: `many` cannot be read; write a number"],
    [["-s", "1m-5", join(folder, "a.js")], 104, "write TIME:USERS"],
    [["-e", "1=2", join(folder, "a.js")], 104, "write NAME=VALUE"],
    [["--summary-mode", "legacy", join(folder, "a.js")], 104, "compact, full or disabled"],
    [["--agent", "x", join(folder, "a.js")], 104, "TRACEO_AGENT_TOKEN"],
    [["agent"], 2, "TRACEO_AGENT_TOKEN"],
  ])("%j ends with %i", async (args, code, message) => {
    writeFileSync(join(folder, "a.js"), "export default function () {}");
    const answer = await command(...args);
    expect([answer.code, answer.out]).toEqual([code, ""]);
    expect(answer.err).toContain(message);
  });

  it("makes a script of a recording", async () => {
    const har = join(folder, "a.har");
    const request = { method: "GET", url: "https://shop.test/", headers: [] };
    const entry = { startedDateTime: "2026-01-01T00:00:00Z", time: 1, request, response: { status: 200 } };
    writeFileSync(har, JSON.stringify({ log: { entries: [entry] } }));
    const target = join(folder, "made.js");
    expect(await command("convert", har, "-O", target)).toEqual({ code: 0, out: "", err: "" });
    expect(readFileSync(target, "utf8")).toContain('http.request("GET", "https://shop.test/"');
    expect((await command("convert", "--skip", "shop.test", har)).err).toContain("no request is left");
  });
});
