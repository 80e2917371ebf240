import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { digestOf, findToken, MAX_TOKENS, openTokenFile, parseTokens } from "./tokens.ts";

const LONG = "0123456789abcdef";

describe("the token file", () => {
  it("has one token a line", () => {
    const { tokens, warnings } = parseTokens(
      [
        "# who may send",
        "",
        `ingest ${LONG}1 name=collector tenants=shop,bank`,
        `\tread   ${LONG}2\r`,
        `admin ${LONG}3 # for me`,
      ].join("\n"),
    );
    expect(warnings).toEqual([]);
    expect(tokens.map(({ name, needs, tenants }) => [name, [...needs], tenants])).toEqual([
      ["collector", ["ingest"], ["shop", "bank"]],
      ["line 4", ["read"], undefined],
      ["line 5", ["admin"], undefined],
    ]);
    expect(findToken(tokens, digestOf(`${LONG}2`))).toBe(tokens[1]);
    expect(findToken(tokens, digestOf(LONG))).toBeUndefined();
  });

  it("keeps no token, only its digest", () => {
    expect(JSON.stringify(parseTokens(`ingest ${LONG}`))).not.toContain(LONG);
  });

  it("gives a token on several lines what all of them give", () => {
    const { tokens } = parseTokens(`ingest ${LONG} tenants=a\nread ${LONG} name=both tenants=b`);
    expect(tokens.map(({ name, needs, tenants }) => [name, [...needs], tenants])).toEqual([
      ["both", ["ingest", "read"], ["a", "b"]],
    ]);
    expect(parseTokens(`ingest ${LONG} tenants=a\nread ${LONG}`).tokens[0]!.tenants).toBeUndefined();
  });

  it("warns of tokens that can be guessed", () => {
    expect(parseTokens("\ningest secret").warnings).toEqual([expect.stringContaining("line 2")]);
  });

  it.each([
    ["write abc", /line 1: expected/],
    ["ingest", /line 1: "ingest" is not followed/],
    ["ingest # abc", /line 1: "ingest" is not followed/],
    ["ingest abc collector", /line 1: "collector" is neither/],
    ["ingest abc name=", /line 1: "name=" is neither/],
    ["ingest abc tenants=", /line 1: "" is not a tenant/],
    ["ingest abc tenants=a,b|c", /line 1: "b|c" is not a tenant/],
    [Array.from({ length: MAX_TOKENS + 1 }, (_, n) => `read ${LONG}${n}`).join("\n"), /more than 1000/],
  ])("says what is wrong with %j", (text, message) => {
    expect(() => parseTokens(text)).toThrow(message);
  });
});

describe("the file on disk", () => {
  let folder = "";
  let path = "";
  let warnings: string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "traceo-tokens-"));
    path = join(folder, "tokens");
    warnings = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (text: string, seconds = 1): void => {
    writeFileSync(path, text, { mode: 0o600 });
    utimesSync(path, seconds, seconds);
  };
  const warn = (message: string): void => {
    warnings.push(message);
  };

  it("is read again when it changed, at most once a second", () => {
    write(`read ${LONG}1`);
    const clock = new ManualClock(0);
    const file = openTokenFile(path, clock, warn);
    write(`read ${LONG}2`, 2);
    clock.advance(999);
    expect(findToken(file.current(), digestOf(`${LONG}1`))).toBeDefined();
    clock.advance(1);
    expect(findToken(file.current(), digestOf(`${LONG}1`))).toBeUndefined();
    expect(findToken(file.current(), digestOf(`${LONG}2`))).toBeDefined();
    expect(warnings).toEqual([]);
  });

  it("leaves the tokens in force when it breaks, and says so once", () => {
    write(`read ${LONG}1`);
    const clock = new ManualClock(0);
    const file = openTokenFile(path, clock, warn);
    const stillKnown = (): boolean => {
      clock.advance(1000);
      return findToken(file.current(), digestOf(`${LONG}1`)) !== undefined;
    };
    write("nonsense", 2);
    expect([stillKnown(), stillKnown(), warnings.length]).toEqual([true, true, 1]);
    rmSync(path);
    expect([stillKnown(), stillKnown()]).toEqual([true, true]);
    write(`read ${LONG}2`, 3);
    expect(stillKnown()).toBe(false);
  });

  it("cannot be missing or without tokens at the start", () => {
    expect(() => openTokenFile(path, new ManualClock(0), warn)).toThrow(/cannot read the token file/);
    write("# none");
    expect(() => openTokenFile(path, new ManualClock(0), warn)).toThrow(/has no token/);
  });

  it("should not be readable by others", () => {
    write(`read ${LONG}1`);
    chmodSync(path, 0o644);
    openTokenFile(path, new ManualClock(0), warn);
    expect(warnings).toEqual([expect.stringContaining("chmod 600")]);
  });
});
