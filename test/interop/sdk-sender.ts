/** Gets a sender written in another language: made once, kept in the temporary folder until its sources change. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { IngestRequest } from "#ingest/ingest.ts";
import { decompress } from "#wire/compression.ts";
import { DECODE_LIMITS } from "#wire/limits.ts";
import { decodeOtlp } from "#wire/otlp.ts";

const run = promisify(execFile);

/** Not to be had on this machine: no toolchain, or no registry. The tests skip and say so. */
export class NotToBeHad extends Error {}

/** A folder for something made from these sources by `make`, which gets a folder that is thrown away if it throws. */
async function madeOnce(
  name: string,
  sources: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(source).update("\0");
  const folder = join(tmpdir(), "traceo-interop", `${name}-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(join(folder, "made"))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await make(folder);
  mkdirSync(join(folder, "made"));
  return folder;
}

/** A Go module's program, built from `test/interop/<name>`. */
export async function buildGo(name: string): Promise<string> {
  const source = join(import.meta.dirname, name);
  const files = readdirSync(source);
  const folder = await madeOnce(
    name,
    files.map((file) => readFileSync(join(source, file), "utf8")),
    async (made) => {
      for (const file of files) copyFileSync(join(source, file), join(made, file));
      await fetched("go", ["mod", "tidy"], made);
      await run("go", ["build", "-o", "sender.part", "."], { cwd: made, maxBuffer: 1 << 24 });
      renameSync(join(made, "sender.part"), join(made, "sender"));
    },
  );
  return join(folder, "sender");
}

/** A Python interpreter with these packages. */
export async function buildPython(requirements: readonly string[]): Promise<string> {
  const folder = await madeOnce("sdk-python", requirements, async (made) => {
    await fetched("python3", ["-m", "venv", made], made);
    await fetched(join(made, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...requirements], made);
  });
  return join(folder, "bin/python");
}

async function fetched(program: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await run(program, args, { cwd, maxBuffer: 1 << 24 });
  } catch (error) {
    throw new NotToBeHad(
      `${program} ${args.join(" ")}: ${error instanceof Error ? error.message.slice(0, 500) : error}`,
    );
  }
}

export interface Finished {
  readonly code: number;
  readonly output: string;
}

/** Runs a sender to its end. */
export async function runSender(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Finished> {
  try {
    const { stdout, stderr } = await run(program, args, { env: { ...process.env, ...environment }, timeout: 60_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: code ?? -1, output: `${stdout ?? ""}${stderr ?? ""}` };
  }
}

/** Starts a sender that stays; resolves once its output contains `ready`. */
export function startSender(program: string, args: readonly string[], ready: string): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let output = "";
    const look = (bytes: Buffer): void => {
      output += bytes.toString();
      if (output.includes(ready)) resolve(child);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${output}`)));
  });
}

/**
 * Records in a request's body as our decoder reads it, none rejected; and the body without its encoding, as text to look for
 * strings in.
 */
export function readRequest({ signal, body, contentType, contentEncoding }: IngestRequest): {
  records: number;
  rejected: number;
  text: string;
} {
  const { accepted, rejected } = decodeOtlp(signal, body, { contentType, contentEncoding, limits: DECODE_LIMITS });
  const text = Buffer.from(decompress(body, contentEncoding, 1 << 20)).toString("latin1");
  return { records: accepted, rejected, text };
}
