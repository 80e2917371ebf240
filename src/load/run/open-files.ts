import { readFileSync } from "node:fs";

/** Descriptors that the program itself needs: threads, outputs, the engine's connection. */
const OWN_FILES = 100;

/** Why so many users cannot each have a connection, if so. Undefined also where the limit cannot be read (not Linux). */
export function refuseOpenFiles(users: number, limit: number | undefined): string | undefined {
  if (limit === undefined || users + OWN_FILES <= limit) return undefined;
  return `${users} virtual users need a connection each, but this process may open ${limit} files. Raise the limit (\`ulimit -n ${users + 1000}\`), use fewer users, or spread them over agents.`;
}

export function openFileLimit(
  read: () => string = () => readFileSync("/proc/self/limits", "utf8"),
): number | undefined {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(read());
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}
