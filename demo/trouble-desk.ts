import type { Command } from "./channel.ts";
import type { ServiceName } from "./directory.ts";
import { pick, type Random } from "./random.ts";
import { TROUBLES, type Trouble } from "./troubles.ts";

export interface DemoState {
  readonly running: boolean;
  readonly broken: boolean;
  readonly brokenSinceMs: number | null;
}

export interface DemoReveal {
  readonly trouble: string;
  readonly title: string;
  readonly explanation: string;
  readonly affected: string;
}

/** What the caller asked for cannot be done now; says why. */
export class DeskRefusal extends Error {
  override readonly name = "DeskRefusal";
}

export interface TroubleDesk {
  state(): DemoState;
  /**
   * Makes a trouble; resolves when it is in place. At random and never the last one again, unless a test names it.
   * Throws DeskRefusal when one is on already, or the name or subject is unknown.
   */
  break(name?: string, subject?: string): Promise<DemoState>;
  /** Undoes the trouble and says what it was; resolves when it is undone. Throws DeskRefusal when there is none. */
  reveal(): Promise<DemoReveal>;
  /** A process came up again: gives it back the trouble that it left with. */
  restore(service: ServiceName, version: string): Promise<void>;
}

export interface TroubleDeskOptions {
  readonly random: Random;
  /** Has a process do or undo a trouble. Version null: the only one. Rejects when it could not. */
  readonly command: (service: ServiceName, version: string | null, command: Command) => Promise<void>;
  readonly now: () => number;
}

interface Current {
  readonly trouble: Trouble;
  readonly subject: string;
  readonly sinceMs: number;
}

/** Keeps the one trouble that may be on at a time. */
export function createTroubleDesk(options: TroubleDeskOptions): TroubleDesk {
  let current: Current | null = null;
  let last: string | null = null;
  let busy: Promise<unknown> = Promise.resolve();

  /** One change at a time: a break during an undo waits for it. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = busy.then(work, work);
    busy = result.catch(() => undefined);
    return result;
  };
  const tell = ({ trouble, subject }: Current, active: boolean): Promise<void> => {
    const { service, version } = trouble.target(subject);
    return options.command(service, version, { action: trouble.action, active, subject });
  };
  const choose = (name: string | undefined): Trouble => {
    if (name === undefined)
      return pick(
        options.random,
        TROUBLES.filter((trouble) => trouble.name !== last),
      );
    const named = TROUBLES.find((trouble) => trouble.name === name);
    if (named === undefined)
      throw new DeskRefusal(`no trouble ${name}; there are ${TROUBLES.map((trouble) => trouble.name).join(", ")}`);
    return named;
  };
  const state = (): DemoState => ({ running: true, broken: current !== null, brokenSinceMs: current?.sinceMs ?? null });

  return {
    state,
    break: (name, subject) =>
      inTurn(async () => {
        if (current !== null) throw new DeskRefusal("something is broken already; reveal it first");
        const trouble = choose(name);
        const chosen = subject ?? pick(options.random, trouble.subjects);
        if (!trouble.subjects.includes(chosen))
          throw new DeskRefusal(`${trouble.name} hits one of ${trouble.subjects.join(", ")}, not ${chosen}`);
        const next = { trouble, subject: chosen, sinceMs: options.now() };
        try {
          await tell(next, true);
        } catch (error) {
          // It may be half done: leave nothing behind, and report the first failure.
          await tell(next, false).catch(() => undefined);
          throw error;
        }
        current = next;
        last = trouble.name;
        return state();
      }),
    reveal: () =>
      inTurn(async () => {
        if (current === null) throw new DeskRefusal("nothing is broken");
        const ending = current;
        const { trouble, subject } = ending;
        // A process that comes up from here on comes up whole.
        current = null;
        try {
          await tell(ending, false);
        } catch (error) {
          current = ending;
          throw error;
        }
        return {
          trouble: trouble.name,
          title: trouble.title,
          explanation: trouble.explain(subject),
          affected: trouble.affected(subject),
        };
      }),
    async restore(service, version) {
      const left = current;
      if (left === null) return;
      const target = left.trouble.target(left.subject);
      if (target.service !== service || (target.version !== null && target.version !== version)) return;
      await tell(left, true);
    },
  };
}
