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
const STUCK_MS = 10_000;

/** What the entry of a generator's thread is sent first. */
export interface GeneratorGreeting {
  readonly heartbeat: Heartbeat;
  /** Its number, by which its frames are told from others'. */
  readonly generator: number;
}

/** Starts generators as threads of this process. */
export function threadGenerators(
  startThread: StartThread,
  entry: URL,
  { stuckMs = STUCK_MS }: { readonly stuckMs?: number } = {},
): StartGenerator {
  let started = 0;
  return (name, events) => {
    const heartbeat = createHeartbeat();
    let isLost = false;
    let lostUnixMs: number | undefined;
    const lose = (message: string): void => {
      if (isLost) return;
      isLost = true;
      lostUnixMs = Date.now();
      watch.stop();
      const error = new GeneratorLost(message);
      link.lose(error);
      events.lost(error);
    };
    const thread = startThread(entry, {
      onMessage: (message) => link.receive(message as FromGenerator),
      onEnd: (error) => lose(`load generator ${name} died: ${error instanceof Error ? error.message : String(error)}`),
    });
    const link = openLink((message: ToGenerator) => thread.post(message), events.tell);
    const watch = watchHeartbeat(heartbeat, stuckMs, (userId, silentMs) => {
      const who = userId === 0 ? "in no user's code" : `in the code of virtual user ${userId}`;
      lose(
        `load generator ${name} did not answer for ${Math.round(silentMs / 1000)} s and was ended: it was stuck ${who} (an endless loop, or a regular expression that never ends)`,
      );
      void thread.stop();
    });
    started += 1;
    const greeting: GeneratorGreeting = { heartbeat, generator: started };
    thread.post(greeting);
    return {
      name,
      link,
      clockOffsetMs: 0,
      get lostUnixMs() {
        return lostUnixMs;
      },
      get isLost() {
        return isLost;
      },
      stop: async () => {
        isLost = true;
        watch.stop();
        link.lose(new GeneratorLost(`load generator ${name} was stopped`));
        await thread.stop();
      },
    };
  };
}
