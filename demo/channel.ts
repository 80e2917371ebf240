import type { DatabaseAddress, Directory } from "./directory.ts";

/** What the supervisor tells a process. A command makes or undoes a trouble; it is answered when its effect is in place. */
export type FromShop =
  | { readonly kind: "directory"; readonly directory: Directory }
  | { readonly kind: "command"; readonly id: number; readonly command: Command }
  | { readonly kind: "stop" };

/** What a process tells the supervisor. */
export type ToShop =
  | { readonly kind: "ready"; readonly port: number; readonly database?: DatabaseAddress }
  | { readonly kind: "done"; readonly id: number; readonly error?: string };

/** `action` is known to the service it is sent to; `subject` is the region, tier or version it is about. */
export interface Command {
  readonly action: string;
  readonly active: boolean;
  readonly subject: string;
}

export interface Channel {
  /** The newest directory. Throws until the first one arrived. */
  directory(): Directory;
  /** Runs at every new directory. */
  onDirectory(handler: (directory: Directory) => void): void;
  /** Says that this process serves on `port` (0: it serves nobody). */
  ready(port: number, database?: DatabaseAddress): void;
  onCommand(handler: (command: Command) => void | Promise<void>): void;
  /** Runs once: on the supervisor's word, or when the supervisor is gone, whichever comes first. */
  onStop(handler: () => Promise<void>): void;
}

/** Handlers that hang must not keep a process alive: after this long it leaves anyway. */
const STOP_DEADLINE_MS = 4_000;

/** Opens a service's line to the supervisor that forked it. A process without one (started by hand) refuses to run. */
export function openChannel(): Channel {
  const send = process.send?.bind(process);
  if (send === undefined) throw new Error("this is a part of the demo shop: start it with `node dist/demo/shop.js`");
  let current: Directory | null = null;
  let handleCommand: (command: Command) => void | Promise<void> = () => {
    throw new Error("this service takes no commands");
  };
  let handleDirectory: (directory: Directory) => void = () => undefined;
  const stopHandlers: (() => Promise<void>)[] = [];
  let stopping = false;

  const tell = (message: ToShop): void => {
    if (process.connected) send(message);
  };
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
    Promise.all(stopHandlers.map((handler) => handler())).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  const obey = async (id: number, command: Command): Promise<void> => {
    try {
      await handleCommand(command);
      tell({ kind: "done", id });
    } catch (error) {
      tell({ kind: "done", id, error: error instanceof Error ? error.message : String(error) });
    }
  };

  process.on("message", (message: FromShop) => {
    if (message.kind === "directory") {
      current = message.directory;
      handleDirectory(current);
    } else if (message.kind === "command") void obey(message.id, message.command);
    else stop();
  });
  // The line closes when the supervisor dies, however it dies.
  process.on("disconnect", stop);
  process.on("SIGTERM", stop);

  return {
    directory() {
      if (current === null) throw new Error("the shop has not opened yet");
      return current;
    },
    onDirectory(handler) {
      handleDirectory = handler;
    },
    ready(port, database) {
      tell(database === undefined ? { kind: "ready", port } : { kind: "ready", port, database });
    },
    onCommand(handler) {
      handleCommand = handler;
    },
    onStop(handler) {
      stopHandlers.push(handler);
    },
  };
}
