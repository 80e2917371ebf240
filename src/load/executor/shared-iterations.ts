import { type Executor, iterateWhile, openWindow, type ScenarioUser } from "./executor.ts";

/** A number of iterations that users take from one heap: who is fast does more of them. */
export const sharedIterations: Executor<"shared-iterations"> = (scenario, host) => {
  const window = openWindow(scenario, host);
  const total = host.share.scale(scenario.iterations);
  let started = 0;
  let done = 0;
  const take = (): boolean => {
    if (started >= total || !window.isOpen()) return false;
    started += 1;
    return true;
  };
  const run = async (): Promise<void> => {
    const user = host.take();
    const counted: ScenarioUser = {
      iterate: async () => {
        await user.iterate();
        done += 1;
      },
      interrupt: (reason) => user.interrupt(reason),
    };
    await iterateWhile(counted, take, window, host);
    host.give(user);
  };
  const users = Array.from({ length: host.share.scale(scenario.vus) }, run);
  return {
    ended: Promise.all(users).then(() => {
      window.dispose();
      if (started < total) host.drop(total - started);
    }),
    progress: () => (total === 0 ? 1 : done / total),
  };
};
