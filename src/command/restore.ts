import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { restoreBackup } from "#compose/restore-backup.ts";
import { Failure } from "#runtime/failure.ts";
import { createLog } from "#runtime/log.ts";
import { type Command, EXIT } from "./command.ts";
import { SETTING_OPTIONS, settingsOf } from "./serve.ts";

export const restore: Command = {
  name: "restore",
  summary: "Put a backup in place of an empty data folder.",
  usage: "[options] FOLDER",
  description: [
    "Reads the backup in FOLDER into the data folder named with --data, which must hold no telemetry yet and no running Traceo.",
    "Cut off, it is run again.",
  ].join("\n"),
  options: SETTING_OPTIONS,
  examples: ["traceo restore --data /var/lib/traceo /mnt/backups/nightly-2026-11-24"],
  run: async (invocation) => {
    const [folder] = invocation.positionals;
    if (folder === undefined) {
      invocation.err("traceo restore: name the backup's folder.\n");
      return EXIT.usage;
    }
    const path = resolve(folder);
    if (!existsSync(path))
      throw new Failure("not-found", `${path} does not exist.`, {
        remedy: "Name the folder that `traceo backup` printed.",
      });
    const settings = settingsOf(invocation);
    await restoreBackup(settings, path, createLog({ write: invocation.err }));
    invocation.out(`Restored ${path} into ${resolve(settings.data)}.\n`);
    return EXIT.ok;
  },
};
