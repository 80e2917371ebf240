import { readFileSync } from "node:fs";
import { type Command, EXIT } from "./command.ts";

/** The version in package.json, two folders above the built file. */
export function programVersion(): string {
  const found = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  return found.version;
}

export const version: Command = {
  name: "version",
  summary: "Say which version this is.",
  usage: "[--json]",
  description: "Prints the version of Traceo and of the Node it runs on.",
  options: { json: { type: "boolean", help: "Print JSON." } },
  examples: [],
  run: async ({ options, out }) => {
    const found = {
      traceo: programVersion(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    };
    out(
      options["json"] === true
        ? `${JSON.stringify(found)}\n`
        : `traceo ${found.traceo} (node ${found.node}, ${found.platform})\n`,
    );
    return EXIT.ok;
  },
};
