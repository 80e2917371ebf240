import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { describeError } from "#runtime/failure.ts";
import type { OutputContext, OutputCounts } from "./output.ts";

const MAX_WAITING_BYTES = 256 << 20;

/** A file that text is added to, `.gz` compressed, `-` or nothing the standard output. What the disk is too slow for is dropped and counted. */
export class TextFile {
  readonly #target: NodeJS.WritableStream | undefined;
  readonly #done: Promise<void>;
  readonly #context: OutputContext;
  readonly #name: string;
  #delivered = 0;
  #dropped = 0;
  #lastError: string | undefined;

  constructor(name: string, path: string, context: OutputContext) {
    this.#context = context;
    this.#name = name;
    if (path === "" || path === "-") {
      this.#done = Promise.resolve();
      return;
    }
    const file = createWriteStream(path);
    file.on("error", (error) => this.#fail(error));
    if (path.endsWith(".gz")) {
      const gzip = createGzip({ level: 6 });
      gzip.on("error", (error) => this.#fail(error));
      gzip.pipe(file);
      this.#target = gzip;
    } else this.#target = file;
    // Its rejection is the same error as the event's, which #fail has told.
    this.#done = finished(file).catch(() => undefined);
  }

  get counts(): OutputCounts {
    return { delivered: this.#delivered, retried: 0, dropped: this.#dropped, lastError: this.#lastError };
  }

  write(text: string): void {
    if (text === "") return;
    if (this.#target === undefined) {
      this.#context.stdout.write(text);
      this.#delivered++;
      return;
    }
    const waiting = (this.#target as NodeJS.WritableStream & { readonly writableLength: number }).writableLength;
    if (this.#lastError !== undefined || waiting > MAX_WAITING_BYTES) {
      if (this.#lastError === undefined) this.#fail(new Error("the disk is too slow"));
      this.#dropped++;
      return;
    }
    this.#target.write(text);
    this.#delivered++;
  }

  async close(): Promise<void> {
    this.#target?.end();
    await this.#done;
  }

  #fail(error: unknown): void {
    if (this.#lastError !== undefined) return;
    this.#lastError = describeError(error);
    this.#context.warn(`output ${this.#name} loses samples: ${this.#lastError}`);
  }
}
