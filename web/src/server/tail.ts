import type { Parameters } from "../state/question.ts";
import { AskFailure, request } from "./ask.ts";

export interface TailEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Server-sent events over fetch, since EventSource can name no tenant. Ends when the server ends or the signal aborts.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* readEvents(
  path: string,
  parameters: Parameters,
  tenant: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<TailEvent> {
  const response = await request(path, parameters, { tenant, signal, headers: { accept: "text/event-stream" } });
  if (response.body === null) return;
  const parse = eventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parse(value);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof AskFailure
      ? error
      : new AskFailure({
          code: "offline",
          title: "The tail ended",
          status: 0,
          detail: "The live tail lost its connection.",
          remedy: "It reconnects by itself.",
        });
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** Cuts a stream of text into events; keeps what is unfinished for the next piece. */
export function eventParser(): (piece: string) => readonly TailEvent[] {
  let rest = "";
  return (piece) => {
    rest = (rest + piece).replaceAll("\r\n", "\n");
    const events: TailEvent[] = [];
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      let event = "message";
      const data: string[] = [];
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") event = value;
        else if (field === "data") data.push(value);
      }
      if (data.length > 0) events.push({ event, data: data.join("\n") });
    }
    return events;
  };
}
