import { CLIENT_OPTIONS, openClient, text, texts } from "./api-client.ts";
import { type Command, EXIT } from "./command.ts";

export const sql: Command = {
  name: "sql",
  summary: "Run one SELECT over the telemetry.",
  usage: "[options] [STATEMENT]",
  description: [
    "Runs one read-only statement in ClickHouse SQL over the tables spans, logs, samples, series, histograms, exemplars,",
    "traces, span_stats, log_stats and service_edges, and sees the rows of one tenant. Without STATEMENT it is read from standard input.",
  ].join("\n"),
  options: {
    ...CLIENT_OPTIONS,
    format: {
      type: "string",
      short: "f",
      value: "FORMAT",
      help: "ClickHouse output format (default PrettyCompact, with --json JSONEachRow).",
    },
    param: {
      type: "strings",
      short: "p",
      value: "NAME=VALUE",
      help: "Value for {name:Type} in the statement; repeatable.",
    },
    json: { type: "boolean", help: "One JSON object a row." },
  },
  examples: [
    `traceo sql "SELECT service_name, count() FROM spans GROUP BY 1 ORDER BY 2 DESC"`,
    `traceo sql -p route=/cart "SELECT quantile(0.99)(duration_nano) FROM spans WHERE attributes['http.route'] = {route:String}"`,
  ],
  run: async (invocation) => {
    const statement = invocation.positionals.length > 0 ? invocation.positionals.join(" ") : await readInput();
    if (statement.trim() === "") {
      invocation.err("traceo sql: give a statement, or send one to standard input.\n");
      return EXIT.usage;
    }
    const parameters = new URLSearchParams({
      format:
        text(invocation, "format") ?? (invocation.options["json"] === true ? "JSONEachRow" : "PrettyCompactNoEscapes"),
    });
    for (const pair of texts(invocation, "param")) {
      const at = pair.indexOf("=");
      if (at < 1) {
        invocation.err(`traceo sql: --param takes NAME=VALUE, not \`${pair}\`.\n`);
        return EXIT.usage;
      }
      parameters.set(`param_${pair.slice(0, at)}`, pair.slice(at + 1));
    }
    const response = await openClient(invocation).request(`/api/sql?${parameters}`, {
      method: "POST",
      body: statement,
      headers: { "content-type": "text/plain" },
    });
    invocation.out(await response.text());
    return EXIT.ok;
  },
};

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) return "";
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
