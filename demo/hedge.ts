/*
 * Hedged requests (Dean and Barroso, "The Tail at Scale", 2013): an attempt that has not answered after a while is not given
 * up, another one is started beside it, and the first answer wins. On a network that loses packets this turns a wait for the
 * next retransmission into a new throw of the dice.
 *
 * A budget keeps it from becoming a storm: each first attempt earns a part of a further one, so that however bad it gets, at
 * most that much is added to the load of whoever is in trouble.
 */

/** One try. `abandon` is called when another one was faster. */
export interface Attempt<Answer> {
  readonly answer: Promise<Answer>;
  abandon(): void;
}

export interface RetryBudget {
  /** Called at each first attempt. */
  earn(): void;
  /** Whether there is a further attempt to spend. */
  spend(): boolean;
}

/** @param share of a further attempt that each first one earns @param saved further attempts at most */
export function createRetryBudget(share: number, saved: number): RetryBudget {
  let tokens = saved;
  return {
    earn: () => {
      tokens = Math.min(saved, tokens + share);
    },
    spend: () => {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

export interface HedgeOptions {
  /** How long an attempt may take before another joins it. */
  readonly afterMs: number;
  readonly mostAttempts: number;
  readonly budget: RetryBudget;
}

/** Answers the first answer; rejects with the last failure when every attempt has failed and no further one may start. */
export function hedge<Answer>(start: () => Attempt<Answer>, options: HedgeOptions): Promise<Answer> {
  options.budget.earn();
  return new Promise((resolve, reject) => {
    const running = new Set<Attempt<Answer>>();
    let attempts = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      for (const attempt of running) attempt.abandon();
      running.clear();
      finish();
    };
    const next = (): boolean => {
      if (attempts >= options.mostAttempts || (attempts > 0 && !options.budget.spend())) return false;
      attempts++;
      const attempt = start();
      running.add(attempt);
      clearTimeout(timer);
      timer = setTimeout(next, options.afterMs);
      attempt.answer.then(
        (answer) => {
          if (running.delete(attempt)) settle(() => resolve(answer));
        },
        (error: Error) => {
          if (!running.delete(attempt)) return;
          if (running.size === 0 && !next()) settle(() => reject(error));
        },
      );
      return true;
    };
    next();
  });
}
