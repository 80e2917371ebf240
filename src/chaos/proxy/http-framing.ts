/**
 * Finds the messages of HTTP/1.1 (RFC 9112) in a stream of bytes without changing or keeping them. It may start in the middle
 * of a connection: bytes are `raw` until a chunk begins like a message. Upgraded connections, HTTP/2, TLS and everything else
 * stay raw.
 */
export type Part =
  | { readonly kind: "raw"; readonly data: Buffer }
  /** A whole head with its empty line. */
  | { readonly kind: "head"; readonly data: Buffer; readonly head: Head }
  | { readonly kind: "body"; readonly data: Buffer }
  /** The message is complete. */
  | { readonly kind: "done" };

export interface Head {
  readonly startLine: string;
  /** Of a request. */
  readonly method: string | undefined;
  /** Of a response. */
  readonly status: number | undefined;
  /** How the body ends. */
  readonly body: "none" | "length" | "chunked" | "until-close";
  header(name: string): string | undefined;
}

const REQUEST = /^([A-Z]{1,20}) \S+ HTTP\/1\.[01]\r\n/;
const RESPONSE = /^HTTP\/1\.[01] ([1-5][0-9][0-9])[ \r]/;
const LONGEST_START = 8192;
const HEAD_BYTES = 65_536;
const EMPTY = Buffer.alloc(0);

export class HttpFraming {
  readonly #of: "request" | "response";
  #mode: "start" | "head" | "length" | "until-close" | ChunkedMode = "start";
  #held: Buffer = EMPTY;
  #bodyBytes = 0;
  #line = "";

  constructor(of: "request" | "response") {
    this.#of = of;
  }

  /** @param requestMethod of the request that a response answers: a HEAD's has no body. */
  *read(data: Buffer, requestMethod?: string): Generator<Part> {
    let rest = data;
    while (rest.length > 0) {
      if (this.#mode === "start" || this.#mode === "head") {
        const whole = this.#held.length === 0 ? rest : Buffer.concat([this.#held, rest]);
        this.#held = EMPTY;
        if (this.#mode === "start" && !this.#beginsMessage(whole)) {
          yield { kind: "raw", data: whole };
          return;
        }
        const end = whole.indexOf("\r\n\r\n");
        if (end < 0) {
          if (whole.length > HEAD_BYTES) {
            this.#mode = "start";
            yield { kind: "raw", data: whole };
          } else {
            this.#mode = "head";
            this.#held = whole;
          }
          return;
        }
        const head = this.#parse(whole.toString("latin1", 0, end + 2), requestMethod);
        rest = whole.subarray(end + 4);
        this.#mode = head.body === "none" ? "start" : head.body === "chunked" ? "size" : head.body;
        this.#bodyBytes = head.body === "length" ? Number(head.header("content-length")) : 0;
        if (this.#mode === "length" && this.#bodyBytes === 0) this.#mode = "start";
        yield { kind: "head", data: whole.subarray(0, end + 4), head };
        if (this.#mode === "start") yield { kind: "done" };
      } else if (this.#mode === "until-close") {
        yield { kind: "body", data: rest };
        return;
      } else if (this.#mode === "length") {
        const part = rest.subarray(0, this.#bodyBytes);
        this.#bodyBytes -= part.length;
        rest = rest.subarray(part.length);
        yield { kind: "body", data: part };
        if (this.#bodyBytes === 0) {
          this.#mode = "start";
          yield { kind: "done" };
        }
      } else {
        const length = this.#scanChunked(rest);
        yield { kind: "body", data: rest.subarray(0, length) };
        rest = rest.subarray(length);
        if ((this.#mode as string) === "start") yield { kind: "done" };
      }
    }
  }

  /** What was held of an unfinished head; the stream is at its end or the toxic goes. */
  flush(): Buffer {
    const held = this.#held;
    this.#held = EMPTY;
    if (this.#mode === "head") this.#mode = "start";
    return held;
  }

  #beginsMessage(data: Buffer): boolean {
    const text = data.toString("latin1", 0, LONGEST_START);
    return (this.#of === "request" ? REQUEST : RESPONSE).test(text);
  }

  #parse(text: string, requestMethod: string | undefined): Head {
    const [startLine = "", ...lines] = text.split("\r\n");
    const header = (name: string): string | undefined => {
      const line = lines.find((row) => row.toLowerCase().startsWith(`${name}:`));
      return line?.slice(name.length + 1).trim();
    };
    const method = this.#of === "request" ? startLine.slice(0, startLine.indexOf(" ")) : undefined;
    const status = this.#of === "response" ? Number(RESPONSE.exec(text)?.[1]) : undefined;
    const hasLength = /^\d{1,15}$/.test(header("content-length") ?? "");
    const bodyless = status !== undefined && (status < 200 || status === 204 || status === 304);
    const body =
      bodyless || (status !== undefined && requestMethod === "HEAD")
        ? "none"
        : /\bchunked\s*$/i.test(header("transfer-encoding") ?? "")
          ? "chunked"
          : hasLength
            ? "length"
            : status === undefined
              ? "none"
              : "until-close";
    return { startLine, method, status, body, header };
  }

  /** How many bytes of `data` belong to this message's chunked body (RFC 9112, 7.1); sets the mode for what follows. */
  #scanChunked(data: Buffer): number {
    let at = 0;
    while (at < data.length) {
      if (this.#mode === "data") {
        const step = Math.min(this.#bodyBytes, data.length - at);
        this.#bodyBytes -= step;
        at += step;
        if (this.#bodyBytes === 0) this.#mode = "data-end";
        continue;
      }
      const byte = data[at++]!;
      if (byte !== 0x0a) {
        if (byte !== 0x0d && this.#line.length < LONGEST_START) this.#line += String.fromCharCode(byte);
        continue;
      }
      const line = this.#line;
      this.#line = "";
      if (this.#mode === "data-end") this.#mode = "size";
      else if (this.#mode === "size") {
        this.#bodyBytes = Number.parseInt(line, 16);
        this.#mode = this.#bodyBytes > 0 ? "data" : "trailer";
      } else if (line === "") {
        this.#mode = "start";
        return at;
      }
    }
    return at;
  }
}

type ChunkedMode = "size" | "data" | "data-end" | "trailer";
