import { type Executor, iterateWhile, openWindow } from "./executor.ts";

/** A number of users iterate for a time. */
export const constantVus: Executor<"constant-vus"> = (scenario, host) => {
  const window = openWindow(scenario, host);
  const run = async (): Promise<void> => {
    const user = host.take();
    await iterateWhile(user, window.isOpen, window, host);
    host.give(user);
  };
  const users = Array.from({ length: host.share.scale(scenario.vus) }, run);
  return {
    // Without a user in this share the scenario still takes its time, as it does for the others.
    ended: Promise.all(users).then(() => window.dispose()),
    progress: window.timeFraction,
  };
};
