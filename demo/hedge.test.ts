import { describe, expect, it } from "vitest";
import { type Attempt, createRetryBudget, hedge } from "./hedge.ts";

/** Attempts whose ends are in the test's hands. */
function attempts(): {
  readonly started: { resolve: (answer: string) => void; reject: (error: Error) => void; isAbandoned: boolean }[];
  readonly start: () => Attempt<string>;
} {
  const started: { resolve: (answer: string) => void; reject: (error: Error) => void; isAbandoned: boolean }[] = [];
  return {
    started,
    start: () => {
      const own = { resolve: (_: string) => {}, reject: (_: Error) => {}, isAbandoned: false };
      const answer = new Promise<string>((resolve, reject) => {
        own.resolve = resolve;
        own.reject = reject;
      });
      started.push(own);
      return {
        answer,
        abandon: () => {
          own.isAbandoned = true;
        },
      };
    },
  };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe("hedge", () => {
  it("starts another attempt beside a slow one, takes the first answer and abandons the rest", async () => {
    const { started, start } = attempts();
    const answer = hedge(start, { afterMs: 1, mostAttempts: 3, budget: createRetryBudget(0.5, 10) });
    await until(() => started.length === 3);
    started[1]!.resolve("second");
    expect(await answer).toBe("second");
    expect(started.map(({ isAbandoned }) => isAbandoned)).toEqual([true, false, true]);
  });

  it("tries again at once when the only attempt failed, and gives the last failure", async () => {
    const { started, start } = attempts();
    const answer = hedge(start, { afterMs: 3_600_000, mostAttempts: 2, budget: createRetryBudget(0.5, 10) });
    started[0]!.reject(new Error("first"));
    await until(() => started.length === 2);
    started[1]!.reject(new Error("second"));
    await expect(answer).rejects.toThrow("second");
  });

  it("keeps to its budget", async () => {
    const budget = createRetryBudget(0.5, 1);
    const fail = async (): Promise<number> => {
      const { started, start } = attempts();
      const answer = hedge(start, { afterMs: 3_600_000, mostAttempts: 5, budget });
      answer.catch(() => undefined);
      for (let at = 0; at < started.length; at++) {
        started[at]!.reject(new Error("no"));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await answer.catch(() => undefined);
      return started.length;
    };
    // One saved: one further attempt. After that every second request has earned one.
    expect([await fail(), await fail(), await fail(), await fail(), await fail()]).toEqual([2, 1, 2, 1, 2]);
  });
});
