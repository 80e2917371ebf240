import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { mendLinks } from "./postgres-binaries.ts";

const folder = mkdtempSync(join(tmpdir(), "shop-binaries-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("makes the library links that an install without scripts leaves out, and leaves what is there", () => {
  const lib = join(folder, "native", "lib");
  mkdirSync(lib, { recursive: true });
  writeFileSync(join(lib, "libicuuc.so.60.2"), "library");
  writeFileSync(join(lib, "libkept.so"), "kept");
  const links = ["libicuuc.so", "libicuuc.so.60", "libkept.so"].map((name) => ({
    source: "native/lib/libicuuc.so.60.2",
    target: `native/lib/${name}`,
  }));
  writeFileSync(join(folder, "native", "pg-symlinks.json"), JSON.stringify(links));
  mendLinks(folder);
  mendLinks(folder);
  expect(readFileSync(join(lib, "libicuuc.so.60"), "utf8")).toBe("library");
  expect(readFileSync(join(lib, "libicuuc.so"), "utf8")).toBe("library");
  expect(readFileSync(join(lib, "libkept.so"), "utf8")).toBe("kept");
});
