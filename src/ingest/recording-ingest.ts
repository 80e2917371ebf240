/** The receivers' counterpart in their tests: keeps what was passed on, and answers what it is told to. */
import type { Ingest, IngestAnswer, IngestRequest } from "./ingest.ts";

export type Respond = (request: IngestRequest, abort: AbortSignal | undefined) => IngestAnswer | Promise<IngestAnswer>;

export interface RecordingIngest extends Pick<Ingest, "accept"> {
  readonly requests: IngestRequest[];
  /** What `accept` does from now on; by default it accepts one record. */
  respond: Respond;
  /** Resolves once `accept` was called that often altogether. */
  called(times: number): Promise<void>;
}

export function createRecordingIngest(): RecordingIngest {
  const waiting: { readonly times: number; readonly resolve: () => void }[] = [];
  const recording: RecordingIngest = {
    requests: [],
    respond: () => ({ accepted: 1, rejected: 0, rejections: [] }),
    async accept(request, abort) {
      recording.requests.push(request);
      for (const { times, resolve } of waiting) if (recording.requests.length >= times) resolve();
      return await recording.respond(request, abort);
    },
    called: (times) =>
      new Promise((resolve) => {
        if (recording.requests.length >= times) resolve();
        else waiting.push({ times, resolve });
      }),
  };
  return recording;
}
