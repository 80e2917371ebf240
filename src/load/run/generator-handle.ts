import type { StartThread } from "#runtime/threads.ts";
import type { FromGenerator, GeneratorLink, Telling, ToGenerator } from "./generator-link.ts";
import { openLink } from "./generator-link.ts";
import { createHeartbeat, type Heartbeat, watchHeartbeat } from "./heartbeat.ts";

/** A generator as the coordinator holds it: a thread here, or one of an agent. */
export interface GeneratorHandle {
  readonly name: string;
  readonly link: GeneratorLink;
  readonly isLost: boolean;
  /** When it was lost. */
  readonly lostUnixMs: number | undefined;
  /** Its clock less ours; 0 for a thread of this machine. */
  readonly clockOffsetMs: number;
  stop(): Promise<void>;
}

/** A generator is gone: its samples since the last second are missing. */
export class GeneratorLost extends Error {
  override readonly name = "GeneratorLost";
}

export interface GeneratorHandleEvents {
  tell(telling: Telling): void;
  /** Once. */
  lost(error: GeneratorLost): void;
}

export type StartGenerator = (name: string, events: GeneratorHandleEvents) => GeneratorHandle;

/** A silent thread is given up after this: longer than any garbage collection, shorter than people wait. */
export const STUCK_MS = 10_000;

/** What the entry of a generator's thread is sent first. */
export interface GeneratorGreeting {
  readonly heartbeat: Heartbeat;
  /** Its number, by which its frames are told from others'. */
  readonly generator: number;
}

/** A generator's thread, whoever talks to it. */
export interface GeneratorThread {
  post(message: ToGenerator): void;
  stop(): Promise<void>;
}

/**
 * Starts a generator as a thread of this process and watches that it stays alive.
 * @param generator its number, different for each generator of a run
 * @param onLost called once, with what people are told, when it ended or hung; nothing comes from it after that
 */
export function openGeneratorThread(
  startThread: StartThread,
  entry: URL,
  generator: number,
  stuckMs: number,
  onMessage: (message: FromGenerator) => void,
  onLost: (reason: string) => void,
): GeneratorThread {
  const heartbeat = createHeartbeat();
  let isOver = false;
  const lose = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    watch.stop();
    onLost(reason);
  };
  const thread = startThread(entry, {
    onMessage: (message) => {
      if (!isOver) onMessage(message as FromGenerator);
    },
    onEnd: (error) => lose(`died: ${error instanceof Error ? error.message : String(error)}`),
  });
  const watch = watchHeartbeat(heartbeat, stuckMs, (userId, silentMs) => {
    const who = userId === 0 ? "in no user's code" : `in the code of virtual user ${userId}`;
    lose(
      `did not answer for ${Math.round(silentMs / 1000)} s and was ended: it was stuck ${who} (an endless loop, or a regular expression that never ends)`,
    );
    void thread.stop();
  });
  const greeting: GeneratorGreeting = { heartbeat, generator };
  thread.post(greeting);
  return {
    post: (message) => thread.post(message),
    stop: async () => {
      isOver = true;
      watch.stop();
      await thread.stop();
    },
  };
}

/** What carries messages to a generator, once it is there. */
export interface GeneratorCarrier {
  post(message: ToGenerator): void;
  stop(): Promise<void>;
  readonly clockOffsetMs: number;
}

/** A handle over something that carries messages. `open` is given what to call with what comes, and when it is lost. */
export function openGeneratorHandle(
  name: string,
  events: GeneratorHandleEvents,
  open: (receive: (message: FromGenerator) => void, lose: (reason: string) => void) => GeneratorCarrier,
): GeneratorHandle {
  let lostUnixMs: number | undefined;
  let isOver = false;
  const link = openLink((message) => carrier.post(message), events.tell);
  const carrier = open(
    (message) => link.receive(message),
    (reason) => {
      if (isOver) return;
      isOver = true;
      lostUnixMs = Date.now();
      const error = new GeneratorLost(`load generator ${name} ${reason}`);
      link.lose(error);
      events.lost(error);
    },
  );
  return {
    name,
    link,
    get clockOffsetMs() {
      return carrier.clockOffsetMs;
    },
    get lostUnixMs() {
      return lostUnixMs;
    },
    get isLost() {
      return isOver;
    },
    stop: async () => {
      isOver = true;
      link.lose(new GeneratorLost(`load generator ${name} was stopped`));
      await carrier.stop();
    },
  };
}

/** Starts generators as threads of this process. */
export function threadGenerators(
  startThread: StartThread,
  entry: URL,
  { stuckMs = STUCK_MS }: { readonly stuckMs?: number } = {},
): StartGenerator {
  let started = 0;
  return (name, events) =>
    openGeneratorHandle(name, events, (receive, lose) => {
      started += 1;
      const thread = openGeneratorThread(startThread, entry, started, stuckMs, receive, lose);
      return { ...thread, clockOffsetMs: 0 };
    });
}
