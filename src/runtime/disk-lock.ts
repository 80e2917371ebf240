import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Failure } from "./failure.ts";

/**
 * One process per directory. Node has no flock, so the lock is a listening Unix socket named `lock`: the kernel stops the
 * listening when the process ends, however it ends, and it is seen from other PID namespaces (containers that share a volume).
 *
 *   bind lock.<random> ── link as `lock` ──► free: ours, already listening, no window in between
 *                              └── exists: connect ── accepted ─► "data-in-use"
 *                                             └────── refused ──► its owner is dead: rename over it, then look that we won
 *
 * Two processes that find the same dead owner at the same instant both rename; the one whose socket is not the file in the
 * end gives up. Not covered: two machines on one network file system.
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  try {
    return await lockWithin(directory, directory);
  } catch (error) {
    if (!UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    // A file system without sockets (some shared folders of virtual machines): the same lock, beside it in this machine's /tmp.
    const { dev, ino } = await stat(directory);
    const beside = join(tmpdir(), `traceo-lock-${dev}-${ino}`);
    await mkdir(beside, { recursive: true });
    return lockWithin(beside, directory);
  }
}

/** What systems say when a socket cannot be made where files can. */
const UNSUPPORTED: ReadonlySet<string> = new Set(["ENOTSUP", "EOPNOTSUPP", "EPERM", "EINVAL", "ENOSYS"]);

async function lockWithin(directory: string, locked: string): Promise<AsyncDisposable> {
  const name = `lock.${randomBytes(6).toString("hex")}`;
  const handle = process.platform === "linux" ? await open(directory, "r") : undefined;
  // A socket's path may have 107 bytes at most; through the open directory it is always short.
  const short = (entry: string): string =>
    handle === undefined ? relative(process.cwd(), join(directory, entry)) : `/proc/self/fd/${handle.fd}/${entry}`;
  const temporary = join(directory, name);
  const path = join(directory, "lock");
  let server: Server | undefined;
  try {
    server = await listen(short(name));
    const own = (await stat(temporary)).ino;
    if (!(await linked(temporary, path))) {
      if (await isListening(short("lock"))) throw inUse(locked);
      await rename(temporary, path);
      if ((await stat(path)).ino !== own) throw inUse(locked);
    }
    await rm(temporary, { force: true });
    const held = server;
    return {
      [Symbol.asyncDispose]: async () => {
        const current = await stat(path).catch(() => undefined);
        if (current?.ino === own) await rm(path, { force: true });
        await close(held);
        await handle?.close();
      },
    };
  } catch (error) {
    await rm(temporary, { force: true });
    if (server !== undefined) await close(server);
    await handle?.close();
    throw error;
  }
}

function inUse(directory: string): Failure {
  return new Failure("data-in-use", `Another process uses ${directory}.`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // Refused: nobody listens. Not there: its owner has just let go, or it is no socket; the rename settles both.
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT" || error.code === "ENOTSOCK") resolve(false);
      else reject(error);
    });
  });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
