import { inspect } from "node:util";
import { currentUser } from "#script/blocking.ts";
import type { LoadUserState, RunUnderWay } from "../load-user.ts";

/** `console` of scripts: texts as they are, everything else as JSON where JSON can say it; parts are joined by spaces. */
export function printConsole(args: readonly unknown[]): string {
  return args.map(printed).join(" ");
}

function printed(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "undefined";
  if (value instanceof Error) return value.stack === undefined ? String(value) : `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // A cycle or a BigInt.
    return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });
  }
}

type Level = Parameters<RunUnderWay["log"]>[0];

const at =
  (level: Level) =>
  (...args: unknown[]): void => {
    const user = currentUser<LoadUserState>();
    user.host.run.log(level, printConsole(args), user);
  };

export const scriptConsole: object = {
  log: at("info"),
  info: at("info"),
  debug: at("debug"),
  warn: at("warn"),
  error: at("error"),
};
