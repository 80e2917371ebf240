import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Sources compiled for tests that need real threads or processes: Node 20 runs no TypeScript. */
export interface Compiled extends Disposable {
  /** Holds what `npm run build` would have put below dist/. */
  readonly directory: string;
}

const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** @param entries files below src/; what they import is compiled with them. Takes about a second. */
export function compile(entries: readonly string[]): Compiled {
  // Below node_modules, where the compiled code finds its packages.
  const cache = join(ROOT, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const directory = realpathSync(mkdtempSync(join(cache, "traceo-compiled-")));
  execFileSync(process.execPath, [
    join(ROOT, "node_modules/typescript/bin/tsc"),
    "--ignoreConfig",
    ...["--rootDir", join(ROOT, "src"), "--outDir", directory, "--module", "nodenext", "--target", "es2023"],
    ...["--types", "node", "--rewriteRelativeImportExtensions", "--noCheck", "--skipLibCheck"],
    ...entries.map((entry) => join(ROOT, "src", entry)),
  ]);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module", imports: { "#*.ts": "./*.js" } }));
  return {
    directory,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
