import { type Blocking, blocking, callingBack, currentUser, promising } from "#script/blocking.ts";
import type { LoadUser, LoadUserState } from "../../load-user.ts";
import type { ScriptModule } from "../../script-module.ts";
import { type BatchOperation, methodText, performBatch, prepareBatch } from "./batch.ts";
import { ExpectedStatuses, expectedStatuses } from "./expected-statuses.ts";
import { FileData, file } from "./file-data.ts";
import { finish } from "./finish.ts";
import { formRequest, type Led, linkRequest } from "./form.ts";
import { httpUserOf } from "./http-run.ts";
import { url } from "./http-url.ts";
import { CookieJar, jarObject } from "./jar-object.ts";
import type { HttpOutcome } from "./operation.ts";
import { perform } from "./perform.ts";
import { type Prepared, prepare } from "./request-arguments.ts";
import { Response } from "./response.ts";
import { TLS_CONSTANTS } from "./tls-constant.ts";

type Call<Arguments extends readonly unknown[]> = Blocking<LoadUserState, Arguments, Prepared, HttpOutcome, Response>;

function refuseInInit(user: LoadUser, name: string): void {
  if (user.isInit)
    throw new Error(`${name}: HTTP requests cannot be made in the init context; make them in setup() or in a scenario`);
}

/** `http.get(url, params)`: a method whose requests have no body. */
function withoutBody(name: string, method: string): Call<[url: unknown, params?: unknown]> {
  return {
    name,
    begin: (user, place, params) => {
      refuseInInit(user, name);
      return prepare(user, method, place, undefined, params);
    },
    perform,
    finish,
  };
}

/** `http.post(url, body, params)`. */
function withBody(name: string, method: string): Call<[url: unknown, body?: unknown, params?: unknown]> {
  return {
    name,
    begin: (user, place, body, params) => {
      refuseInInit(user, name);
      return prepare(user, method, place, body, params);
    },
    perform,
    finish,
  };
}

function anyMethod(name: string): Call<[method: unknown, url: unknown, body?: unknown, params?: unknown]> {
  return {
    name,
    begin: (user, method, place, body, params) => {
      refuseInInit(user, name);
      return prepare(user, methodText(method), place, body, params);
    },
    perform,
    finish,
  };
}

const batch: Blocking<LoadUserState, [requests: unknown], BatchOperation, readonly HttpOutcome[], unknown> = {
  name: "http.batch",
  begin: (user, requests) => {
    refuseInInit(user, "http.batch");
    return prepareBatch(user, requests);
  },
  perform: performBatch,
  finish: (user, outcomes, { requests, keys }) => {
    const responses = outcomes.map((outcome, index) => finish(user, outcome, requests[index]!));
    if (keys === undefined) return responses;
    return Object.fromEntries(keys.map((key, index) => [key, responses[index]]));
  },
};

const request = blocking(anyMethod("http.request"), import.meta.url);

/** Responses whose page a script goes on from: `response.submitForm(…)` requests what `lead` makes of it. */
function leading(name: string, lead: (response: Response, options: unknown) => Led): void {
  Object.defineProperty(Response.prototype, name, {
    configurable: true,
    // Made when it is asked for, since the function that scripts call does not learn its `this`.
    get(this: Response) {
      const response = this;
      return callingBack<LoadUserState, [options?: unknown], unknown>(`http.${name}`, function* (_user, options) {
        const { method, url: place, body, params } = lead(response, options);
        return yield {
          callee: request as (...args: never[]) => unknown,
          self: undefined,
          args: [method, place, body, params],
        };
      });
    },
  });
}
leading("submitForm", formRequest);
leading("clickLink", linkRequest);

/** The user's own jar: emptied for each iteration unless options say otherwise. */
function cookieJar(): CookieJar {
  return jarObject(httpUserOf(currentUser<LoadUserState>()).jar);
}

/** Null: nobody asks any more whether responses were expected. */
function setResponseCallback(callback: unknown): void {
  if (callback !== null && !(callback instanceof ExpectedStatuses))
    throw new TypeError("unsupported argument for setResponseCallback: use http.expectedStatuses(…) or null");
  httpUserOf(currentUser<LoadUserState>()).expected = callback;
}

/** k6/http. */
export const httpModule: ScriptModule = {
  specifier: "k6/http",
  exports: {
    get: blocking(withoutBody("http.get", "GET"), import.meta.url),
    head: blocking(withoutBody("http.head", "HEAD"), import.meta.url),
    post: blocking(withBody("http.post", "POST"), import.meta.url),
    put: blocking(withBody("http.put", "PUT"), import.meta.url),
    patch: blocking(withBody("http.patch", "PATCH"), import.meta.url),
    del: blocking(withBody("http.del", "DELETE"), import.meta.url),
    options: blocking(withBody("http.options", "OPTIONS"), import.meta.url),
    request,
    asyncRequest: promising(anyMethod("http.asyncRequest")),
    batch: blocking(batch, import.meta.url),
    url,
    file,
    cookieJar,
    CookieJar,
    FileData,
    expectedStatuses,
    setResponseCallback,
    ...TLS_CONSTANTS,
  },
};
