import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly dynamicImports?: readonly string[];
  readonly css?: readonly string[];
}

export interface BundleSize {
  /** Gzipped bytes of script before the first view (entry and Home). */
  readonly first: number;
  /** Gzipped bytes each lazily loaded view adds to what every view has loaded. */
  readonly views: Readonly<Record<string, number>>;
  readonly css: number;
  /** Names of files with a source map, an inline script or style, or an address of another host: must be empty. */
  readonly forbidden: readonly string[];
}

export const BUDGET = { first: 200_000, view: 60_000, sql: 160_000 } as const;

/** Sizes of the built interface in `folder` (dist/web), from Vite's manifest. */
export function measureBundle(folder: string): BundleSize {
  const manifest = JSON.parse(readFileSync(join(folder, ".vite/manifest.json"), "utf8")) as Record<string, Chunk>;
  const size = (file: string): number => gzipSync(readFileSync(join(folder, file)), { level: 9 }).length;
  const closure = (key: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(key)) return seen;
    seen.add(key);
    for (const next of manifest[key]?.imports ?? []) closure(next, seen);
    return seen;
  };
  const bytes = (keys: Iterable<string>): number => {
    const files = new Set([...keys].map((key) => manifest[key]!.file).filter((file) => file.endsWith(".js")));
    return [...files].reduce((sum, file) => sum + size(file), 0);
  };
  const entry = Object.keys(manifest).find((key) => manifest[key]!.isEntry === true)!;
  const base = closure(entry);
  const views: Record<string, number> = {};
  for (const key of manifest[entry]!.dynamicImports ?? []) {
    const own = [...closure(key)].filter((part) => !base.has(part));
    views[key] = bytes(own);
  }
  const home = Object.keys(views).find((key) => key.endsWith("view/home/home.tsx"));
  const assets = readdirSync(join(folder, "assets"));
  const page = readFileSync(join(folder, "index.html"), "utf8");
  const forbidden = [
    ...assets.filter((file) => file.endsWith(".map")),
    ...(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/i.test(page) ? ["index.html: inline script or style"] : []),
    ...assets.filter(
      (file) =>
        file.endsWith(".css") &&
        /url\(\s*["']?(https?:)?\/\/|url\(\s*["']?data:/i.test(readFileSync(join(folder, "assets", file), "utf8")),
    ),
  ];
  return {
    first: bytes(base) + (home === undefined ? 0 : views[home]!),
    views,
    css: assets.filter((file) => file.endsWith(".css")).reduce((sum, file) => sum + size(`assets/${file}`), 0),
    forbidden,
  };
}
