import { startProgram } from "#compose/program.ts";
import { loadSettings } from "#config/load-settings.ts";
import type { Settings } from "#config/settings.ts";
import { createLog } from "#runtime/log.ts";
import { text, texts } from "./api-client.ts";
import { type Command, EXIT, type Invocation, type OptionSpec } from "./command.ts";
import { settingsEnvironment } from "./doctor.ts";
import { programVersion } from "./version.ts";

/** Flags with a name of their own; every other setting goes through --set. */
export const SETTING_OPTIONS = {
  config: { type: "string", short: "c", value: "FILE", help: "Configuration file (YAML or JSON)." },
  data: { type: "string", value: "DIR", help: "Folder that holds everything (default traceo-data)." },
  listen: { type: "string", value: "HOST:PORT", help: "User interface and API (default 127.0.0.1:7070)." },
  "otlp-grpc": { type: "string", value: "HOST:PORT", help: "OTLP over gRPC (default 127.0.0.1:4317, `off` for none)." },
  "otlp-http": { type: "string", value: "HOST:PORT", help: "OTLP over HTTP (default 127.0.0.1:4318, `off` for none)." },
  engine: { type: "string", value: "URL", help: "`embedded`, or the HTTP address of a ClickHouse server or cluster." },
  "token-file": {
    type: "string",
    value: "FILE",
    help: "Tokens for reading and for sending; needed to listen beyond loopback.",
  },
  "no-auth": { type: "boolean", help: "Listen beyond loopback without tokens." },
  set: {
    type: "strings",
    value: "NAME=VALUE",
    help: "Any other setting, e.g. retention.logs=3d; see docs/reference/configuration.md.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Settings from file, environment and this command line. */
export function settingsOf(invocation: Invocation, overrides: Readonly<Record<string, string>> = {}): Settings {
  const flags: Record<string, string | boolean | undefined> = {
    data: text(invocation, "data") ?? overrides["data"],
    listen: text(invocation, "listen"),
    otlpGrpc: text(invocation, "otlp-grpc"),
    otlpHttp: text(invocation, "otlp-http"),
    "engine.url": text(invocation, "engine"),
    "access.tokenFile": text(invocation, "token-file"),
    "access.noAuth": invocation.options["no-auth"] === true ? true : undefined,
  };
  for (const pair of texts(invocation, "set")) {
    const at = pair.indexOf("=");
    flags[at < 0 ? pair : pair.slice(0, at)] = at < 0 ? "true" : pair.slice(at + 1);
  }
  return loadSettings({
    file: text(invocation, "config"),
    environment: settingsEnvironment(invocation.environment),
    flags,
  });
}

export const serve: Command = {
  name: "serve",
  summary: "Run Traceo: take telemetry in, keep it, answer questions.",
  usage: "[options]",
  description: [
    "Takes OTLP over gRPC and HTTP, keeps it in ClickHouse (embedded unless --engine names a server) and serves the user",
    "interface and API. Says `traceo ready` when it is; stops gracefully at SIGTERM or SIGINT, at once at a second one.",
  ].join("\n"),
  options: {
    ...SETTING_OPTIONS,
    "log-format": { type: "string", value: "text|json", help: "How its own log lines look (standard error)." },
  },
  examples: [
    "traceo serve",
    "traceo serve --data /var/lib/traceo --listen 0.0.0.0:7070 --token-file /etc/traceo/tokens",
    "traceo serve --set retention.logs=3d",
  ],
  run: async (invocation) => {
    const format = text(invocation, "log-format") === "json" ? "json" : "text";
    const log = createLog({ write: invocation.err, format });
    await using program = await startProgram(settingsOf(invocation), { version: programVersion(), log });
    invocation.out(`${program.readyLine}\n`);
    await new Promise<void>((resolve) => {
      if (invocation.signal.aborted) resolve();
      else invocation.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const clean = await program.close();
    return clean ? EXIT.ok : EXIT.failed;
  },
};
