import type { Options } from "../options.ts";
import type { Metric } from "../samples.ts";
import { type LoadExitCode, LoadFailure } from "./exit-code.ts";
import type { GeneratorStand } from "./generator.ts";
import type { LoopSecond } from "./saturation.ts";

/**
 * What coordinator and generator say to each other, over a thread's port or an agent's connection. Plain data that can be
 * cloned. Requests are answered once; commands are not answered; the generator also tells by itself.
 */
export interface ScriptSource {
  /** Absolute path of the entry file, or `-` for standard input. */
  readonly entry: string;
  /** Files that need not exist on the generator's disk, by absolute path: all of an archive's, standard input's. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Only `files` may be read: an archive, an agent. */
  readonly isClosed: boolean;
}

export interface LoadParameters {
  readonly source: ScriptSource;
  /** `__ENV`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Answer with the files that were read: for an archive, for agents. */
  readonly wantsFiles?: boolean;
}

export interface Loaded {
  /** `options` as the script exports it: what JSON can say of it. */
  readonly options: unknown;
  readonly exports: readonly string[];
  /** Those that the init code made, and the built-in ones. */
  readonly metrics: readonly Metric[];
  /** Of the script's files, the entry first, hexadecimal. */
  readonly sha256: string;
  /** Every file that was read, by absolute path; only when they were asked for. */
  readonly files: Readonly<Record<string, Uint8Array>> | undefined;
}

export interface PrepareParameters {
  readonly options: Options;
  readonly segment: string | undefined;
  readonly sequence: string | undefined;
  /** Frames carry every sample: some output wants them. */
  readonly keepsRaw: boolean;
}

export interface Prepared {
  readonly users: number;
  readonly maxUsers: number;
  readonly perUserBytes: number;
}

/** Once a second, and at the end. */
export interface GeneratorReport {
  /** What the recorder drained: samples since the last report, merged. */
  readonly frame: unknown;
  readonly stand: GeneratorStand;
  readonly loop: LoopSecond | undefined;
  /** Time in which this thread really waited because the script could not be suspended, and where. */
  readonly blocking: { readonly totalMs: number; readonly places: readonly string[] };
}

export interface Requests {
  load(parameters: LoadParameters): Loaded;
  prepare(parameters: PrepareParameters): Prepared;
  setup(): { readonly data: string | undefined };
  start(parameters: { readonly data: string | undefined }): undefined;
  teardown(parameters: { readonly data: string | undefined }): undefined;
  handleSummary(parameters: { readonly data: unknown }): {
    readonly files: Readonly<Record<string, string | Uint8Array>> | undefined;
  };
  /** The run is over: connections are closed in order. */
  close(): undefined;
  /** A report at once, of everything recorded so far. */
  drain(): undefined;
}

export type Command =
  | { readonly command: "abort"; readonly reason: string }
  | { readonly command: "phase"; readonly name: string };

export type Telling =
  | {
      readonly tell: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly text: string;
      readonly source: "console" | "run";
      readonly user: number | undefined;
    }
  | { readonly tell: "abort"; readonly reason: string }
  | { readonly tell: "fail"; readonly reason: string }
  | { readonly tell: "report"; readonly report: GeneratorReport };

export interface WireError {
  readonly message: string;
  readonly exitCode: LoadExitCode | undefined;
}

export type ToGenerator =
  | { readonly id: number; readonly method: keyof Requests; readonly parameters: unknown }
  | Command;
export type FromGenerator =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError }
  | Telling;

/** The coordinator's end. After `lose` every request that is open, and every later one, rejects with that reason. */
export interface GeneratorLink {
  request<Method extends keyof Requests>(
    method: Method,
    ...parameters: Parameters<Requests[Method]>
  ): Promise<ReturnType<Requests[Method]>>;
  command(command: Command): void;
  /** Takes in what came from the generator. */
  receive(message: FromGenerator): void;
  lose(reason: Error): void;
}

export function openLink(post: (message: ToGenerator) => void, onTelling: (telling: Telling) => void): GeneratorLink {
  const open = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let lastId = 0;
  let lost: Error | undefined;
  return {
    request: (method, ...parameters) =>
      new Promise((resolve, reject) => {
        if (lost !== undefined) {
          reject(lost);
          return;
        }
        lastId += 1;
        open.set(lastId, { resolve, reject });
        post({ id: lastId, method, parameters: parameters[0] });
      }),
    command: (command) => {
      if (lost === undefined) post(command);
    },
    receive: (message) => {
      if (lost !== undefined) return;
      if ("tell" in message) {
        onTelling(message);
        return;
      }
      const waiting = open.get(message.id);
      open.delete(message.id);
      if ("error" in message) waiting?.reject(thrown(message.error));
      else waiting?.resolve(message.result as never);
    },
    lose: (reason) => {
      lost ??= reason;
      for (const { reject } of open.values()) reject(reason);
      open.clear();
    },
  };
}

function thrown({ message, exitCode }: WireError): Error {
  return exitCode === undefined ? new Error(message) : new LoadFailure(exitCode, message);
}
