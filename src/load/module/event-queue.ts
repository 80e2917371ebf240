import type { CallBack } from "#script/blocking.ts";
import type { Settle, User } from "#script/user.ts";

/** What an event does in the user's turn: calls functions of the script, which may suspend. */
export type Handling = () => Generator<CallBack, void, unknown>;

/**
 * Brings events from outside (sockets, streams) into a user's turns, in their order, and keeps the user's event loop alive
 * until `close`. To be made in the user's turn.
 */
export class EventQueue {
  readonly #user: User;
  readonly #waiting: Handling[] = [];
  readonly #abandon: () => void;
  #settle: Settle | undefined;
  #closed = false;

  /** `abandon` is called when a handler throws or the user is interrupted: nobody will look at further events. */
  constructor(user: User, abandon: () => void) {
    this.#user = user;
    this.#abandon = abandon;
    this.#settle = user.pending();
    user.signal.addEventListener("abort", abandon, { once: true });
  }

  post(handling: Handling): void {
    this.#waiting.push(handling);
    this.#flush();
  }

  /** Nothing comes any more: the event loop is let go when what waits is done. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#user.signal.removeEventListener("abort", this.#abandon);
    this.#flush();
  }

  #flush(): void {
    const settle = this.#settle;
    if (settle === undefined || (this.#waiting.length === 0 && !this.#closed)) return;
    this.#settle = undefined;
    if (this.#waiting.length === 0) settle();
    else settle(() => this.#drain());
  }

  *#drain(): Generator<CallBack, void, unknown> {
    // The next registration is made before a handler may suspend or throw, within the turn that the last one gave.
    this.#settle = this.#user.pending();
    try {
      for (let handling = this.#waiting.shift(); handling !== undefined; handling = this.#waiting.shift())
        yield* handling();
    } catch (error) {
      this.#abandon();
      throw error;
    }
    this.#flush();
  }
}
