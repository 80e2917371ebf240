import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { printOptions } from "../option/print-options.ts";
import type { Options } from "../options.ts";
import type { ScriptSource } from "../run/generator-link.ts";
import { readTar, writeTar } from "./tar.ts";

/**
 * A script with all that it reads, in the layout of `k6 archive`: `metadata.json`, `data` (the entry file), and each file
 * below `file/` by its absolute path. Options are those that the script would have run with.
 */
export interface Archived {
  readonly source: ScriptSource;
  /** As in a script's `options`. */
  readonly options: unknown;
  readonly environment: Readonly<Record<string, string>>;
}

export function writeArchive(
  entry: string,
  files: Readonly<Record<string, Uint8Array>>,
  options: Options,
  environment: Readonly<Record<string, string>>,
  nowUnixMs: number,
): Buffer {
  const metadata = {
    type: "js",
    options: printOptions(options, true),
    filename: pathToFileURL(entry).href,
    pwd: `${pathToFileURL(dirname(entry)).href}/`,
    env: environment,
    compatibilityMode: "extended",
    k6version: "2.2.0",
    goos: process.platform,
  };
  return writeTar(
    [
      { path: "metadata.json", content: Buffer.from(`${JSON.stringify(metadata, null, 2)}\n`) },
      { path: "data", content: files[entry] ?? Buffer.alloc(0) },
      ...Object.keys(files)
        .sort()
        .map((path) => ({ path: `file${path}`, content: files[path]! })),
    ],
    nowUnixMs,
  );
}

/** Whether these bytes begin a tar file, by the magic of ustar. */
export const isArchive = (bytes: Uint8Array): boolean =>
  bytes.byteLength > 262 && Buffer.from(bytes.buffer, bytes.byteOffset + 257, 5).toString("latin1") === "ustar";

/** Throws when it is no archive of a script. */
export function readArchive(bytes: Uint8Array): Archived {
  const entries = new Map(readTar(bytes).map(({ path, content }) => [path, content]));
  const metadataFile = entries.get("metadata.json");
  if (metadataFile === undefined) throw new Error("the archive has no metadata.json: it was not made from a script");
  const metadata = JSON.parse(Buffer.from(metadataFile).toString("utf8")) as {
    readonly type?: unknown;
    readonly filename?: unknown;
    readonly options?: unknown;
    readonly env?: unknown;
  };
  if (metadata.type !== "js") throw new Error(`the archive is of type ${JSON.stringify(metadata.type)}, not js`);
  const entry = pathOf(metadata.filename);
  const files: Record<string, Uint8Array> = {};
  for (const [path, content] of entries) if (path.startsWith("file/")) files[path.slice("file".length)] = content;
  const data = entries.get("data");
  if (data !== undefined) files[entry] ??= data;
  if (files[entry] === undefined) throw new Error(`the archive lacks its entry file ${entry}`);
  return {
    source: { entry, files, isClosed: true },
    options: metadata.options ?? {},
    environment: (metadata.env ?? {}) as Readonly<Record<string, string>>,
  };
}

function pathOf(filename: unknown): string {
  if (typeof filename !== "string" || filename === "") throw new Error("the archive does not name its entry file");
  return filename.startsWith("file:") ? fileURLToPath(filename) : filename;
}
