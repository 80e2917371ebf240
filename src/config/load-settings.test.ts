import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DECODE_LIMITS } from "#wire/limits.ts";
import { loadSettings } from "./load-settings.ts";
import { parseDuration, parseSize, printDuration, printSize } from "./quantity.ts";
import { printReference } from "./reference.ts";

const file = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), "traceo-config-")), "traceo.yaml");
  writeFileSync(path, text);
  return path;
};

describe("settings", () => {
  it("says the same about decoding as the decoder", () => {
    expect(loadSettings({}).ingest.limits).toEqual(DECODE_LIMITS);
  });

  it("has safe defaults", () => {
    const settings = loadSettings({});
    expect([settings.listen, settings.otlpGrpc, settings.otlpHttp]).toEqual([
      "127.0.0.1:7070",
      "127.0.0.1:4317",
      "127.0.0.1:4318",
    ]);
    expect(settings.engine.memoryLimit).toBe(400 * 2 ** 20);
    expect(settings.retention.traces).toBe(14 * 86_400_000);
  });

  it("lets the environment win over the file and flags over both", () => {
    const path = file("listen: 127.0.0.1:1\notlpHttp: 127.0.0.1:2\nretention:\n  logs: 3d\nquery:\n  timeout: 5s\n");
    const settings = loadSettings({
      file: path,
      environment: { TRACEO_OTLP_HTTP: "127.0.0.1:3", TRACEO_INGEST_LIMITS_RECORDS: "7", HOME: "/x" },
      flags: { listen: "127.0.0.1:9", "access.noAuth": true },
    });
    expect(settings.listen).toBe("127.0.0.1:9");
    expect(settings.otlpHttp).toBe("127.0.0.1:3");
    expect(settings.retention.logs).toBe(3 * 86_400_000);
    expect(settings.query.timeout).toBe(5000);
    expect(settings.ingest.limits.records).toBe(7);
    expect(settings.access.noAuth).toBe(true);
  });

  it.each([
    [
      "an unknown key, with what was meant",
      { file: file("lissten: 127.0.0.1:1") },
      "Unknown setting lissten. Did you mean listen?",
    ],
    [
      "an unknown nested key",
      { file: file("engine:\n  urll: x") },
      "Unknown setting engine.urll. Did you mean engine.url?",
    ],
    [
      "an unknown variable",
      { environment: { TRACEO_LISTN: "x" } },
      "Unknown environment variable TRACEO_LISTN. Did you mean TRACEO_LISTEN?",
    ],
    [
      "a bad size, and where it came from",
      { environment: { TRACEO_JOURNAL_LIMIT: "lots" } },
      "journal.limit (TRACEO_JOURNAL_LIMIT): expected a size such as 64MiB",
    ],
    ["a bad address", { flags: { listen: "7070" } }, "listen (flag for listen): expected HOST:PORT or off"],
    [
      "a file that is not there",
      { file: "/nonexistent/traceo.yaml" },
      "The configuration file /nonexistent/traceo.yaml does not exist.",
    ],
  ])("refuses %s", (_, sources, message) => {
    expect(() => loadSettings(sources)).toThrow(message);
  });

  it("prints and reads quantities", () => {
    expect([parseSize("64MiB"), parseSize("1.5 GB"), parseSize("12"), parseSize("12 parsecs")]).toEqual([
      67_108_864,
      1_500_000_000,
      12,
      undefined,
    ]);
    expect([parseDuration("500ms"), parseDuration("30d"), parseDuration("-1s")]).toEqual([
      500,
      2_592_000_000,
      undefined,
    ]);
    expect([printSize(67_108_864), printDuration(86_400_000), printDuration(1500)]).toEqual(["64 MiB", "1d", "1500ms"]);
  });

  it("is the reference page (UPDATE=1 writes it)", () => {
    const page = "docs/reference/configuration.md";
    if (process.env["UPDATE"] === "1") writeFileSync(page, printReference());
    expect(readFileSync(page, "utf8")).toBe(printReference());
  });
});
