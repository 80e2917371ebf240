import { currentUser } from "#script/blocking.ts";
import type { ScriptModule } from "../script-module.ts";

/** The timers of the user whose turn it is: the same as the globals of these names, so that ids may be mixed. */
interface Timers {
  startTimer(callee: unknown, delayMs: unknown, args: readonly unknown[], isRepeated: boolean): number;
  stopTimer(id: unknown): void;
}

const timers = (): Timers => currentUser() as unknown as Timers;

export const timersModule: ScriptModule = {
  specifier: "k6/timers",
  exports: {
    setTimeout: (callee: unknown, ms?: unknown, ...args: unknown[]) => timers().startTimer(callee, ms, args, false),
    setInterval: (callee: unknown, ms?: unknown, ...args: unknown[]) => timers().startTimer(callee, ms, args, true),
    clearTimeout: (id: unknown) => timers().stopTimer(id),
    clearInterval: (id: unknown) => timers().stopTimer(id),
  },
};
