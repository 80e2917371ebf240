import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Rules that nothing runs decay. Each one here earns its keep; delete it when it no longer does. */
const tracked = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "");
const code = tracked.filter((file) => /\.(ts|tsx|mjs)$/.test(file));
const read = (file: string): string => readFileSync(file, "utf8");

describe("tidy", () => {
  it("has no folder that says nothing", () => {
    const vague = /(^|\/)(utils?|helpers?|common|shared|types|services|managers|misc|lib)(\/|\.tsx?$)/;
    expect(tracked.filter((file) => /^(src|web|demo|bench|test)\//.test(file) && vague.test(file))).toEqual([]);
  });

  it("has no exclusive or silently skipped test", () => {
    const only = /\b(it|test|describe)\.(only|todo)\b|\b(it|test|describe)\.skip\(/;
    expect(code.filter((file) => file !== "test/tidy.test.ts" && only.test(read(file)))).toEqual([]);
  });

  it("has no empty catch", () => {
    expect(code.filter((file) => /catch\s*(\([^)]*\))?\s*\{\s*\}/.test(read(file)))).toEqual([]);
  });

  it("keeps workers, clocks and randomness in runtime/", () => {
    const direct = /new Worker\(|Math\.random\(\)/;
    expect(
      code.filter(
        (file) =>
          file.startsWith("src/") &&
          !file.startsWith("src/runtime/") &&
          !file.endsWith(".test.ts") &&
          direct.test(read(file)),
      ),
    ).toEqual([]);
  });

  it("locks the engine for every platform, also for those that the machine it was written on could not ask for", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: object }>;
    };
    const wanted = Object.keys(packages["node_modules/chdb"]?.optionalDependencies ?? {});
    expect(wanted).not.toEqual([]);
    expect(wanted.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
  });

  it("commits no large file", () => {
    const large = tracked.filter(
      (file) => !/package-lock\.json$|\.(png|woff2)$/.test(file) && Buffer.byteLength(read(file)) > 300_000,
    );
    expect(large).toEqual([]);
  });
});
