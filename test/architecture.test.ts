import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * Imports point downward only; modules on one line do not know each other. An edge shows in its spelling: `#module/file.ts`
 * across modules, relative inside one. Depth 1 of a module is public, deeper is private to it (an adapter's folder is wired
 * by compose/ alone). Only an adapter names its vendor package.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["runtime"],
  ["model", "math"],
  ["wire", "pipeline", "journal", "plan", "script", "client"],
  ["engine", "state", "access", "cache"],
  ["ingest", "query", "capture"],
  ["alert", "load", "chaos"],
  ["heal"],
  ["api"],
  ["config"],
  ["compose"],
  ["command"],
];

/** Edges that the layers would forbid, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

/** A vendor package may be imported below these places only. */
const VENDORS: Readonly<Record<string, readonly string[]>> = {
  chdb: ["engine/embedded/"],
  "@clickhouse/client": ["engine/"],
  lmdb: ["state/lmdb/"],
  pg: ["state/postgres/"],
  hono: ["api/"],
  "@hono/node-server": ["api/"],
  zod: ["api/", "config/", "chaos/"],
  yaml: ["config/", "chaos/"],
  "@kubernetes/client-node": ["chaos/kubernetes/"],
  "@node-rs/crc32": ["journal/"],
  zstddec: ["wire/"],
  acorn: ["script/"],
  "oxc-transform": ["script/"],
  "@jridgewell/trace-mapping": ["script/"],
  ws: ["client/", "load/"],
  cheerio: ["load/module/html/"],
  protobufjs: ["client/grpc/"],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return path.endsWith(".ts") &&
      !path.endsWith(".test.ts") &&
      !path.endsWith(".suite.ts") &&
      !path.endsWith(".bench.ts") &&
      !path.endsWith(".fuzz.ts")
      ? [path]
      : [];
  });
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g;

function imports(): Import[] {
  return sources("src").flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(IMPORT)].map((match) => ({
      file: relative("src", path),
      target: (match[1] ?? match[2] ?? match[3])!,
    })),
  );
}

const layerOf = (module: string): number => LAYERS.findIndex((layer) => layer.includes(module));
const moduleOf = (file: string): string => (file.includes("/") ? file.slice(0, file.indexOf("/")) : "main");

describe("architecture", () => {
  const all = imports();

  it("every module has its place in the table", () => {
    const modules = readdirSync("src").filter((name) => statSync(join("src", name)).isDirectory());
    expect(modules.filter((module) => layerOf(module) < 0)).toEqual([]);
  });

  it("imports point downward only", () => {
    const wrong = all.flatMap(({ file, target }) => {
      if (!target.startsWith("#")) return [];
      const from = moduleOf(file);
      const to = target.slice(1, target.indexOf("/"));
      if (from === "main" || `${from} → ${to}` in EXCEPTIONS) return [];
      return from === to || layerOf(to) < 0 || layerOf(to) >= layerOf(from) ? [`${file} → ${target}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it("spells edges: # across modules, relative inside one, private folders left alone", () => {
    const wrong = all.flatMap(({ file, target }) => {
      const from = moduleOf(file);
      if (target.startsWith(".")) {
        const resolved = relative("src", join("src", file, "..", target));
        return from !== "main" && moduleOf(resolved) !== from && !file.startsWith("api/contract/")
          ? [`${file} → ${target}`]
          : [];
      }
      if (!target.startsWith("#")) return [];
      const deep = target.slice(1).split("/").length > 2;
      const allowed =
        from === "compose" ||
        from === "main" ||
        target.startsWith("#engine/schema/") ||
        target.startsWith("#api/contract/");
      return deep && !allowed ? [`${file} → ${target}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it("names a vendor only in its adapter", () => {
    const wrong = all.flatMap(({ file, target }) => {
      const vendor = Object.keys(VENDORS).find((name) => target === name || target.startsWith(`${name}/`));
      if (vendor !== undefined)
        return VENDORS[vendor]!.some((place) => file.startsWith(place)) ? [] : [`${file} → ${target}`];
      return target.startsWith("#") || target.startsWith(".") || target.startsWith("node:")
        ? []
        : [`${file} → ${target} (add it to VENDORS)`];
    });
    expect(wrong).toEqual([]);
  });
});
