import { STATUS_CODES } from "node:http";
import { isEnding } from "../chunk.ts";
import { HttpFraming, type Part } from "../http-framing.ts";
import type { ToxicKind } from "../toxic.ts";

interface State {
  readonly requests: HttpFraming;
  readonly responses: HttpFraming;
  /** The message that passes is one that we replace. */
  isHit: boolean;
}

/**
 * Answers a share `rate` of HTTP/1.1 requests with `status`. On the upstream direction the request never arrives; on the
 * downstream direction it does, is worked on, and only its answer is replaced, as when a server fails after its work.
 * Requests that a client pipelines are not told apart; other protocols pass untouched.
 */
const ATTRIBUTES = { status: 503, rate: 1, body: "fault injected\n" };

export function httpError(direction: "upstream" | "downstream"): ToxicKind<typeof ATTRIBUTES> {
  return {
    type: "http_error",
    attributes: ATTRIBUTES,
    fractions: ["rate"],
    bufferItems: 1,
    open: (): State => ({ requests: new HttpFraming("request"), responses: new HttpFraming("response"), isHit: false }),
    pipe: async (stub, attributes) => {
      const state = stub.state as State;
      const framing = direction === "upstream" ? state.requests : state.responses;
      for (;;) {
        const item = await stub.take();
        if (item === undefined || isEnding(item)) {
          // An unfinished head is passed on: it is no message that we could answer.
          const held = framing.flush();
          if (held.length > 0) await stub.put({ data: held, atMs: stub.nowMs() });
          return item === undefined ? undefined : stub.put(item);
        }
        for (const part of framing.read(item.data, stub.connection.lastMethod)) {
          if (part.kind === "head" && isFinal(part)) {
            state.isHit = stub.random() < attributes.rate;
            if (state.isHit) {
              const method = direction === "upstream" ? part.head.method : stub.connection.lastMethod;
              const answer = printAnswer(attributes, method);
              if (direction === "upstream") await stub.connection.answer(answer);
              else await stub.put({ data: answer, atMs: item.atMs });
              if (part.head.body === "until-close") return stub.put("close");
            }
          }
          if (part.kind === "raw" || (part.kind !== "done" && !state.isHit))
            await stub.put({ data: part.data, atMs: item.atMs });
          if (part.kind === "done") state.isHit = false;
        }
      }
    },
  };
}

/** Not 100 Continue and the like, and not the switch to another protocol. */
function isFinal(part: Part & { readonly kind: "head" }): boolean {
  return part.head.status === undefined ? part.head.header("upgrade") === undefined : part.head.status >= 200;
}

function printAnswer({ status, body }: typeof ATTRIBUTES, method: string | undefined): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Fault"}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "x-traceo-fault: http_error",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${method === "HEAD" ? "" : body}`);
}
