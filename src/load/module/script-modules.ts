import type { ScriptModule } from "../script-module.ts";
import { cryptoModule } from "./crypto.ts";
import { dataModule } from "./data.ts";
import { encodingModule } from "./encoding.ts";
import { executionModule } from "./execution.ts";
import { htmlModule } from "./html/html-module.ts";
import { httpModule } from "./http/http-module.ts";
import { k6Module } from "./k6.ts";
import { metricsModule } from "./metrics.ts";
import { timersModule } from "./timers.ts";
import { experimentalWebsocketsModule, websocketsModule } from "./websockets.ts";
import { wsModule } from "./ws.ts";

/** Every module that scripts can import by name. */
const MODULES: ReadonlyMap<string, ScriptModule> = new Map(
  [
    cryptoModule,
    dataModule,
    encodingModule,
    executionModule,
    experimentalWebsocketsModule,
    htmlModule,
    httpModule,
    k6Module,
    metricsModule,
    timersModule,
    websocketsModule,
    wsModule,
  ].map((module) => [module.specifier, module]),
);

/** What scripts import and we do not offer, with the reason that they are told. */
const REFUSED: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^k6\/(experimental\/)?browser(\/|$)/,
    "drives a browser, which a load generator of thousands of users cannot; test the requests that the browser makes",
  ],
  [/^k6\/x\//, "is an extension that k6 is compiled with; there is none of them here"],
];

/** The module of ours that a script means; undefined when it is none. Throws for those that are refused by name. */
export function findModule(specifier: string): ScriptModule | undefined {
  for (const [pattern, reason] of REFUSED)
    if (pattern.test(specifier)) throw new Error(`The module "${specifier}" is refused: it ${reason}.`);
  return MODULES.get(specifier);
}
