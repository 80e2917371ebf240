import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { findModule } from "./script-modules.ts";

/** `@types/k6` lists k6's whole surface: each module and export is here, or is named in one of these two lists. */
const TYPES = fileURLToPath(new URL("../../../node_modules/@types/k6", import.meta.url));

/** Modules that a script is told we do not have. */
const MISSING_MODULES = [
  "k6/browser",
  "k6/experimental/csv",
  "k6/experimental/fs",
  "k6/experimental/streams",
  "k6/net/grpc",
  "k6/options", // types only
  "k6/secrets",
];

/** Exports that exist as types only, or that no script can use. */
const MISSING_EXPORTS = new Set([
  "k6/html NodeType", // an enum for TypeScript's sake
]);

function specifiers(folder: string, prefix: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (!statSync(path).isDirectory()) return [];
    const own = existsSync(join(path, "index.d.ts")) ? [`${prefix}/${name}`] : [];
    return [...own, ...specifiers(path, `${prefix}/${name}`)];
  });
}

/** Names that `index.d.ts` of a module exports as values. */
function valuesOf(specifier: string): string[] {
  const text = readFileSync(join(TYPES, specifier.slice("k6".length), "index.d.ts"), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\/\/.*/g, "");
  const declared = [...text.matchAll(/^export (?:declare )?(?:function|const|let|var|class|enum) (\w+)/gm)].map(
    ([, name]) => name!,
  );
  return [...new Set(declared)];
}

const found = ["k6", ...specifiers(TYPES, "k6")].sort();
const offered = found.filter((specifier) => !MISSING_MODULES.includes(specifier));

it("finds k6's modules", () => {
  expect(found.length).toBeGreaterThan(15);
  expect(valuesOf("k6")).toEqual(expect.arrayContaining(["check", "fail", "group", "sleep", "randomSeed"]));
});

it.each(offered)("offers all of %s", (specifier) => {
  const module = findModule(specifier);
  expect(module, "no such module").toBeDefined();
  const names = valuesOf(specifier);
  expect(names.filter((name) => !(name in module!.exports) && !MISSING_EXPORTS.has(`${specifier} ${name}`))).toEqual(
    [],
  );
});

it.each(MISSING_MODULES)("has no %s yet, or refuses it by name", (specifier) => {
  const isOffered = (): boolean => {
    try {
      return findModule(specifier) !== undefined;
    } catch {
      return false;
    }
  };
  expect(isOffered()).toBe(false);
});
