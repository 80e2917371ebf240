import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Thread as Worker, workerThreads } from "#runtime/threads.ts";
import type { BlockingAnswer, BlockingRequest, BlockingStart } from "./blocking-worker.ts";
import { performerOf } from "./performers.ts";
import type { Thread } from "./thread.ts";
import { placeNow } from "./trace.ts";

/** Where a script really blocked its thread, all its users with it. */
export interface ReallyBlocked {
  readonly file: string;
  readonly line: number;
  readonly times: number;
  readonly ms: number;
}

interface Helper {
  readonly port: MessagePort;
  readonly flag: Int32Array;
  readonly worker: Worker;
}

/** Started when it is first needed: most scripts never do. */
let helper: Helper | undefined;

function startHelper(): Helper {
  const { port1, port2 } = new MessageChannel();
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const worker = workerThreads(new URL("./blocking-worker.ts", import.meta.url), {
    onMessage: () => undefined,
    onEnd: () => {
      helper = undefined;
    },
  });
  const start: BlockingStart = { port: port2, flag };
  // A port is transferable as an ArrayBuffer is.
  worker.post(start, [port2 as unknown as ArrayBuffer]);
  port1.unref();
  return { port: port1, flag, worker };
}

/** Ends the helper thread, if there is one. */
export async function stopHelper(): Promise<void> {
  const ending = helper;
  helper = undefined;
  ending?.port.close();
  await ending?.worker.stop();
}

/** The longest a thread may stand still in one call. */
const LIMIT_MS = 120_000;

/** Does the operation in the helper thread while this one waits. */
export function reallyBlock(thread: Thread, name: string, operation: unknown): unknown {
  const place = placeNow();
  const started = performance.now();
  helper ??= startHelper();
  const { port, flag } = helper;
  Atomics.store(flag, 0, 0);
  const request: BlockingRequest = { name, moduleUrl: performerOf(name).moduleUrl, operation };
  port.postMessage(request);
  const outcome = Atomics.wait(flag, 0, 0, LIMIT_MS);
  const ms = performance.now() - started;
  thread.countBlocked(place?.file ?? "", place?.line ?? 0, ms);
  if (outcome === "timed-out") {
    void stopHelper();
    throw new Error(`${name} did not end within ${LIMIT_MS / 1000} s.`);
  }
  const answer = receiveMessageOnPort(port)?.message as BlockingAnswer | undefined;
  if (answer === undefined) throw new Error(`The helper thread gave no answer to ${name}.`);
  if ("error" in answer) {
    if (answer.error instanceof Error) Error.captureStackTrace(answer.error);
    throw answer.error;
  }
  return answer.outcome;
}
