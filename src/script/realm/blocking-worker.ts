import { type MessagePort, parentPort } from "node:worker_threads";
import { runThread } from "#runtime/threads.ts";
import { performerOf } from "./performers.ts";

/** One blocking call that is really to block its thread: `flag` is set and woken when the answer lies in the port. */
export interface BlockingRequest {
  readonly name: string;
  readonly moduleUrl: string;
  readonly operation: unknown;
}

/** What the helper is told first. */
export interface BlockingStart {
  readonly port: MessagePort;
  readonly flag: Int32Array;
}

export type BlockingAnswer = { readonly outcome: unknown } | { readonly error: unknown };

/** Serves the blocking calls of one thread, one after the other. */
export function serveBlocking({ port, flag }: BlockingStart): void {
  const answer = (message: BlockingAnswer): void => {
    try {
      port.postMessage(message);
    } catch (error) {
      port.postMessage({ error });
    }
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  };
  port.on("message", ({ name, moduleUrl, operation }: BlockingRequest) => {
    const perform = async (): Promise<unknown> => {
      await import(moduleUrl);
      return await performerOf(name).perform(operation, undefined);
    };
    perform().then(
      (outcome) => answer({ outcome }),
      (error: unknown) => answer({ error }),
    );
  });
}

runThread(import.meta.url, (thread) => {
  thread.onMessage((message) => serveBlocking(message as BlockingStart));
  // The thread of the scripts decides when this one ends.
  parentPort?.unref();
});
