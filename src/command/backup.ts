import { CLIENT_OPTIONS, openClient } from "./api-client.ts";
import { type Command, EXIT } from "./command.ts";

export const backup: Command = {
  name: "backup",
  summary: "Let a running Traceo write a backup of everything it keeps.",
  usage: "[options] NAME",
  description: [
    "Writes the backup into `backup/NAME` of the server's data folder: all that was acknowledged before the command, consistent",
    "across tables. Loading waits meanwhile; taking telemetry in goes on. Copy the folder elsewhere, then remove it.",
  ].join("\n"),
  options: { ...CLIENT_OPTIONS, json: { type: "boolean", help: "Print JSON." } },
  examples: ["traceo backup nightly-2026-11-24"],
  run: async (invocation) => {
    const [name] = invocation.positionals;
    if (name === undefined) {
      invocation.err("traceo backup: give the backup a name.\n");
      return EXIT.usage;
    }
    const response = await openClient(invocation).request("/api/admin/backup", {
      method: "POST",
      body: JSON.stringify({ name }),
      headers: { "content-type": "application/json" },
    });
    const made = (await response.json()) as { path: string; sizeBytes: number; files: number };
    invocation.out(
      invocation.options["json"] === true
        ? `${JSON.stringify(made)}\n`
        : `${made.path}: ${made.sizeBytes} bytes in ${made.files} files\n`,
    );
    return EXIT.ok;
  },
};
