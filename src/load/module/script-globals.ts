import { currentUser } from "#script/blocking.ts";
import type { LoadUserState } from "../load-user.ts";
import { scriptConsole } from "./console.ts";

const ENVIRONMENT = Symbol("__ENV");

interface OwnEnvironment {
  readonly of: Readonly<Record<string, string>>;
  readonly copy: Record<string, string>;
}

/** What scripts see as globals beside the language. */
export const SCRIPT_GLOBALS: Readonly<Record<string, unknown>> = Object.defineProperties(
  { console: scriptConsole, TextEncoder, TextDecoder },
  {
    __VU: { enumerable: true, configurable: true, get: () => currentUser<LoadUserState>().host.idInTest },
    __ITER: { enumerable: true, configurable: true, get: () => currentUser<LoadUserState>().host.iterationInInstance },
    __ENV: {
      enumerable: true,
      configurable: true,
      // A user that changes it changes its own; a scenario with variables of its own brings a new one.
      get: () => {
        const { slots, environment } = currentUser<LoadUserState>().host;
        const known = slots.get(ENVIRONMENT) as OwnEnvironment | undefined;
        if (known?.of === environment) return known.copy;
        const own: OwnEnvironment = { of: environment, copy: { ...environment } };
        slots.set(ENVIRONMENT, own);
        return own.copy;
      },
    },
  },
);
