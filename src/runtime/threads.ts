import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";

/**
 * Worker threads, started here and nowhere else.
 *
 * Node 20 runs no TypeScript, so a worker's entry must be the built .js. Tests take `twinThreads` instead: the same code on
 * the same thread behind a real message channel, so that copies, transfers and the order of messages are the same.
 */
export interface ThreadPort {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Called for each message, one after the other. What it throws ends the thread. */
  onMessage(listener: (message: unknown) => void): void;
}

/** What runs on a thread. */
export type ThreadMain = (port: ThreadPort) => void;

export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Ends the thread at once, whatever it is doing. `onEnd` is not called. */
  stop(): Promise<void>;
}

export interface ThreadEvents {
  onMessage(message: unknown): void;
  /** The thread ended by itself; nothing follows. */
  onEnd(error: unknown): void;
}

/** Starts a thread with the file at `entry` (its .ts name; the built .js is found beside it). */
export type StartThread = (entry: URL, events: ThreadEvents) => Thread;

const MARK = "traceo thread";

/** To be called by the entry file: does nothing unless this thread was started with it. */
export function runThread(entry: string, main: ThreadMain): void {
  if (isMainThread || parentPort === null) return;
  const data = workerData as { mark?: string; entry?: string } | null;
  if (data?.mark !== MARK || data.entry !== entry) return;
  main(portOf(parentPort));
}

export const workerThreads: StartThread = (entry, events) => {
  const built = entry.href.replace(/\.ts$/, ".js");
  const worker = new Worker(new URL(built), {
    workerData: { mark: MARK, entry: built },
    name: built.slice(built.lastIndexOf("/") + 1, -".js".length),
  });
  let failure: unknown;
  let isStopped = false;
  worker.on("message", (message) => {
    if (!isStopped) events.onMessage(message);
  });
  worker.on("messageerror", (error) => {
    failure = error;
    void worker.terminate();
  });
  worker.on("error", (error) => {
    failure = error;
  });
  worker.on("exit", (code) => {
    if (!isStopped) events.onEnd(failure ?? new Error(`The thread ended with code ${code}.`));
  });
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    stop: async () => {
      isStopped = true;
      await worker.terminate();
    },
  };
};

/** Runs `main` on this thread, whatever the entry. */
export function twinThreads(main: ThreadMain): StartThread {
  return (_entry, events) => {
    const { port1, port2 } = new MessageChannel();
    let isStopped = false;
    let failure: { readonly error: unknown } | undefined;
    const close = (): void => {
      isStopped = true;
      port1.close();
      port2.close();
    };
    port1.on("message", (message) => {
      if (isStopped) return;
      if (message !== TWIN_ENDED) events.onMessage(message);
      else {
        close();
        events.onEnd(failure?.error);
      }
    });
    const port = portOf(port2);
    main({
      post: port.post,
      onMessage: (listener) =>
        port.onMessage((message) => {
          if (isStopped || failure !== undefined) return;
          try {
            listener(message);
          } catch (error) {
            failure = { error };
            // Behind what it had said before, as the end of a real thread is.
            port2.postMessage(TWIN_ENDED);
          }
        }),
    });
    return {
      post: (message, transfer = []) => port1.postMessage(message, [...transfer]),
      stop: async () => close(),
    };
  };
}

const TWIN_ENDED = "traceo twin ended";

function portOf(port: MessagePort): ThreadPort {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    onMessage: (listener) => void port.on("message", listener),
  };
}
