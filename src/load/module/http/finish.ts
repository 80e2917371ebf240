import { type HttpAnswer, isHttpFailure } from "#client/exchange.ts";
import { headerValue } from "#client/response-head.ts";
import { systemClock } from "#runtime/clock.ts";
import type { LoadUser } from "../../load-user.ts";
import { unpack } from "./content-coding.ts";
import { isExpected } from "./expected-statuses.ts";
import { addSamples } from "./http-metrics.ts";
import { httpUserOf } from "./http-run.ts";
import { withoutSecrets } from "./http-url.ts";
import { type Hop, type HttpOutcome, isJourney } from "./operation.ts";
import { takeCookies } from "./perform.ts";
import type { Prepared } from "./request-arguments.ts";
import { traceIdOf } from "./request-trace.ts";
import { type Answered, Response } from "./response.ts";

/** In the user's turn: keeps cookies, records the samples of every hop, and makes the script's Response of the last. Throws where the script wants failures thrown. */
export function finish(user: LoadUser, outcome: HttpOutcome, prepared: Prepared): Response {
  const { host } = user;
  let last: Hop | undefined;
  let answer: HttpAnswer;
  let trouble: { readonly errorCode: number; readonly error: string } | undefined;
  if (isJourney(outcome)) {
    last = outcome.hops.at(-1)!;
    answer = last.answer;
    trouble = outcome.error;
    for (const hop of outcome.hops)
      if (hop !== last)
        record(user, prepared, hop.request.method, shown(hop.request.url), hop.answer, undefined, hop.isChallenge);
    if (outcome.isStopped)
      host.run.log(
        "warn",
        `Stopped after ${prepared.maxRedirects} redirects and returned the redirection; pass { redirects: n } in request params or set global maxRedirects to silence this`,
        user,
      );
  } else answer = outcome;

  const request = last?.request ?? prepared.request;
  let body = isHttpFailure(answer) ? undefined : answer.body;
  if (!isHttpFailure(answer)) {
    // Every hop may have set cookies; a helper thread had a copy of the jar only.
    if (isJourney(outcome)) {
      for (const hop of outcome.hops)
        if (!isHttpFailure(hop.answer)) keepCookies(prepared, hop.request.url, hop.answer.head);
    } else keepCookies(prepared, request.url, answer.head);
    if (body!.length > 0) {
      const encoding = headerValue(answer.head, "content-encoding");
      if (encoding !== undefined)
        try {
          body = unpack(body!, encoding);
        } catch (error) {
          trouble = { errorCode: 1701, error: `decompress: ${error instanceof Error ? error.message : String(error)}` };
          body = undefined;
        }
    }
  }
  const url = last === undefined ? prepared.shownUrl : shown(request.url);
  record(user, prepared, request.method, url, answer, trouble, last?.isChallenge ?? false);
  if (host.options.httpDebug !== "") debug(user, prepared, outcome);
  const failure = trouble ?? (isHttpFailure(answer) ? answer : undefined);
  if (failure !== undefined) {
    const text = `${capitalised(request.method)} ${JSON.stringify(url)}: ${failure.error}`;
    if (prepared.throws) throw new Error(text);
    host.run.log("warn", `Request Failed error=${JSON.stringify(text)}`, user);
  }
  return new Response({
    answer,
    failure,
    body,
    request,
    url,
    sentCookies: last?.sentCookies ?? prepared.sentCookies,
    responseType: prepared.responseType,
  } satisfies Answered);
}

function keepCookies(prepared: Prepared, url: string, head: string): void {
  if (/set-cookie:/i.test(head)) takeCookies(prepared.jar, new URL(url), head, systemClock.nowMs());
}

function capitalised(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase();
}

const shown = withoutSecrets;

/** Filled for one call of `of` and read at once. */
const outcomeTags = {
  status: 0,
  protocol: "",
  tlsVersion: "",
  error: "",
  errorCode: 0,
  isExpected: undefined as boolean | undefined,
  ip: "",
};

function record(
  user: LoadUser,
  prepared: Prepared,
  method: string,
  url: string,
  answer: HttpAnswer,
  trouble: { readonly errorCode: number; readonly error: string } | undefined,
  isChallenge: boolean,
): void {
  const { host } = user;
  const { run } = httpUserOf(user);
  const failure = trouble ?? (isHttpFailure(answer) ? answer : undefined);
  const status = isHttpFailure(answer) ? 0 : answer.status;
  const { expected } = prepared;
  const isGood =
    expected === null
      ? undefined
      : isChallenge
        ? status === 401
        : failure === undefined && isExpected(expected, status);
  outcomeTags.status = status;
  outcomeTags.ip = answer.remoteIp;
  outcomeTags.isExpected = isGood;
  if (isHttpFailure(answer)) {
    outcomeTags.protocol = "";
    outcomeTags.tlsVersion = "";
  } else {
    outcomeTags.protocol = answer.protocol;
    outcomeTags.tlsVersion = answer.tlsVersion;
  }
  if (failure !== undefined) {
    outcomeTags.error = failure.error;
    outcomeTags.errorCode = failure.errorCode;
  } else {
    outcomeTags.error = "";
    outcomeTags.errorCode = status >= 400 ? 1000 + status : 0;
  }
  const tags = run.tags.of(prepared.tags, method, url, prepared.name, outcomeTags);
  const { timings } = answer;
  const duration = timings.sending + timings.waiting + timings.receiving;
  const endUnixMs = answer.startUnixMs + timings.blocked + duration;
  addSamples(
    host.samples,
    run.metrics,
    tags,
    timings,
    endUnixMs,
    isGood === undefined ? undefined : !isGood,
    prepared.traceparent === undefined ? undefined : traceIdOf(prepared.traceparent),
  );
  if (answer.bytesSent > 0) host.samples.add(run.metrics.dataSent, host.tags, answer.bytesSent, endUnixMs);
  if (answer.bytesReceived > 0) host.samples.add(run.metrics.dataReceived, host.tags, answer.bytesReceived, endUnixMs);
}

/** What `--http-debug` shows of each request and response. */
function debug(user: LoadUser, prepared: Prepared, outcome: HttpOutcome): void {
  const withBodies = user.host.options.httpDebug === "full";
  const hops = isJourney(outcome)
    ? outcome.hops
    : [{ request: prepared.request, answer: outcome, isChallenge: false, sentCookies: prepared.sentCookies }];
  for (const { request, answer } of hops) {
    const { pathname, search, host } = URL.canParse(request.url)
      ? new URL(request.url)
      : { pathname: request.url, search: "", host: "" };
    const lines = request.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("") + (request.extraHead ?? "");
    const sent = withBodies && request.body !== undefined ? Buffer.from(request.body).toString("utf8") : "";
    user.host.run.log(
      "info",
      `Request:\n${request.method} ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n${sent}`,
      user,
    );
    if (isHttpFailure(answer)) continue;
    const body = withBodies ? Buffer.from(answer.body).toString("utf8") : "";
    user.host.run.log(
      "info",
      `Response:\n${answer.protocol} ${answer.status} ${answer.statusText}\r\n${answer.head}\r\n\r\n${body}`,
      user,
    );
  }
}
