import type { LogRow } from "#api/contract/shapes.ts";
import { CLIENT_OPTIONS, openClient, texts } from "./api-client.ts";
import { type Command, EXIT } from "./command.ts";
import { printable, printTime } from "./table.ts";

export const tail: Command = {
  name: "tail",
  summary: "Follow log lines as they arrive.",
  usage: "[options] [TEXT]",
  description: 'Prints log lines as they arrive until interrupted. TEXT are words and "phrases" that a line must have.',
  options: {
    ...CLIENT_OPTIONS,
    where: {
      type: "strings",
      short: "w",
      value: "FILTER",
      help: "A filter such as `severity >= warn`; repeatable, all must hold.",
    },
    json: { type: "boolean", help: "One JSON object a line." },
  },
  examples: ["traceo tail -w 'service = checkout'", "traceo tail 'timeout' -w 'severity >= warn' --json"],
  run: async (invocation) => {
    const parameters = new URLSearchParams();
    for (const filter of texts(invocation, "where")) parameters.append("where", filter);
    if (invocation.positionals.length > 0) parameters.set("text", invocation.positionals.join(" "));
    const response = await openClient(invocation).request(`/api/logs/tail?${parameters}`, {
      headers: { accept: "text/event-stream" },
    });
    for await (const { event, data } of readEvents(response.body!)) {
      if (event === "dropped") invocation.err(`(${data} lines left out: they came faster than this terminal reads)\n`);
      if (event !== "rows") continue;
      for (const row of JSON.parse(data) as LogRow[]) {
        if (invocation.options["json"] === true) invocation.out(`${JSON.stringify(row)}\n`);
        else
          invocation.out(
            `${printTime(row.time)} ${(row.severityText || "-").padEnd(5)} ${printable(row.service)}: ${printable(row.body)}\n`,
          );
      }
    }
    return EXIT.ok;
  },
};

/** Server-sent events (WHATWG HTML, section 9.2) of a response body. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string): string[] =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      yield { event: field("event")[0] ?? "message", data: field("data").join("\n") };
    }
  }
}
