import type { SourceFile } from "../syntax/source-file.ts";

/** Names under which the engine knows the code of scripts: `traceo-script:1:/path/to/file.js`. */
const NAME = "traceo-script:";

const files = new Map<string, SourceFile>();
let count = 0;

/** Registers a file before its code is evaluated. @returns the name to evaluate it under. */
export function registerFile(file: SourceFile): string {
  const name = `${NAME}${++count}:${file.path}`;
  files.set(name, file);
  return name;
}

/** Frees what is kept for the traces of a file. */
export function forgetFile(name: string): void {
  files.delete(name);
}

interface Frame {
  readonly file: SourceFile;
  readonly line: number;
  readonly column: number;
  /** In the file as written. */
  readonly place: { readonly line: number; readonly column: number };
}

/** The frames of scripts in `sites`, innermost first. A visible function and its twin are one. */
function framesOf(sites: readonly NodeJS.CallSite[]): Frame[] {
  const frames: Frame[] = [];
  for (const site of sites) {
    const name = site.getFileName();
    const file = typeof name === "string" ? files.get(name) : undefined;
    const line = site.getLineNumber();
    const column = site.getColumnNumber();
    if (file === undefined || line === null || column === null) continue;
    const place = file.placeOf(line, column);
    if (place !== undefined) frames.push({ file, line, column, place });
  }
  return frames;
}

function print(frames: readonly Frame[]): string[] {
  const lines = frames.map(({ file, line, column, place }) => {
    const position = `${file.path}:${place.line}:${place.column}`;
    const name = file.functionAt(line, column);
    return name === "" ? `    at ${position}` : `    at ${name} (${position})`;
  });
  // A wrapper of ours stands where its function does.
  return lines.filter((text, index) => index === 0 || text !== lines[index - 1]);
}

function headOf(error: unknown): string {
  try {
    return String(error);
  } catch (thrown) {
    return `an exception that cannot be printed (${typeof thrown})`;
  }
}

const before = Error.prepareStackTrace;
/** Stacks with frames of scripts show those only, as written; others are left to whoever was there before. */
Error.prepareStackTrace = (error, sites) => {
  const frames = framesOf(sites);
  if (frames.length > 0) return [headOf(error), ...print(frames)].join("\n");
  if (before !== undefined) return before(error, sites);
  return sites.length === 0 ? headOf(error) : `${headOf(error)}\n    at ${sites.map(String).join("\n    at ")}`;
};
// Frames of ours lie between those of scripts.
Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 40);

/** Message and trace of what a script threw. */
export function traceOf(error: unknown): { readonly message: string; readonly trace: string } {
  const message = headOf(error);
  const stack: unknown = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== "string") return { message, trace: message };
  const at = stack.indexOf("\n    at ");
  const frames = at < 0 ? [] : stack.slice(at + 1).split("\n");
  return { message, trace: [message, ...frames.map((line) => line.replace(/^ {4}/, "  "))].join("\n") };
}

/** Where a script is. */
export interface PlaceNow {
  readonly file: string;
  readonly line: number;
  /** The text of what is called there. */
  callee(): string | undefined;
}

/** The innermost frame of a script that is on the stack. */
export function placeNow(): PlaceNow | undefined {
  const held = Error.prepareStackTrace;
  let frame: Frame | undefined;
  Error.prepareStackTrace = (_error, sites) => {
    [frame] = framesOf(sites);
    return "";
  };
  // Reading it is what has it prepared.
  void new Error("place").stack;
  Error.prepareStackTrace = held;
  if (frame === undefined) return undefined;
  const { file, line, column, place } = frame;
  return { file: file.path, line: place.line, callee: () => file.calleeAt(line, column) };
}

/** The source as written of a visible function. */
export function writtenSource(visible: string): string {
  for (const file of files.values()) {
    const source = file.writtenSource(visible);
    if (source !== undefined) return source;
  }
  return visible;
}
