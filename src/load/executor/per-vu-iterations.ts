import { type Executor, iterateWhile, openWindow } from "./executor.ts";

/** Each user does the same number of iterations. */
export const perVuIterations: Executor<"per-vu-iterations"> = (scenario, host) => {
  const window = openWindow(scenario, host);
  const count = host.share.scale(scenario.vus);
  let done = 0;
  const run = async (): Promise<void> => {
    const user = host.take();
    let started = 0;
    const take = (): boolean => {
      done += started === 0 ? 0 : 1;
      if (started >= scenario.iterations || !window.isOpen()) return false;
      started += 1;
      return true;
    };
    await iterateWhile(user, take, window, host);
    host.give(user);
    if (started < scenario.iterations) host.drop(scenario.iterations - started);
  };
  const users = Array.from({ length: count }, run);
  const total = count * scenario.iterations;
  return {
    ended: Promise.all(users).then(() => window.dispose()),
    progress: () => (total === 0 ? 1 : Math.min(1, done / total)),
  };
};
