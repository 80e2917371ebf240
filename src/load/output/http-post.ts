import { readFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { RefusedDelivery } from "./delivery.ts";

export interface TlsSettings {
  readonly insecureSkipVerify: boolean;
  /** Paths of PEM files. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly authority?: string | undefined;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

export interface PostTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: TlsSettings | undefined;
  readonly timeoutMs?: number;
}

const MAX_ANSWER_BYTES = 4096;

/** Posts bodies to one address over kept connections. Rejects with RefusedDelivery on 4xx except 408 and 429, with Error on everything else that is not 2xx. */
export function poster({ url, headers, tls, timeoutMs = 10_000 }: PostTarget): (body: Uint8Array) => Promise<void> {
  const secure = url.startsWith("https:");
  const agent = secure
    ? new HttpsAgent({
        keepAlive: true,
        maxSockets: 8,
        rejectUnauthorized: tls?.insecureSkipVerify !== true,
        ...(tls?.certificate === undefined ? {} : { cert: readFileSync(tls.certificate) }),
        ...(tls?.key === undefined ? {} : { key: readFileSync(tls.key) }),
        ...(tls?.authority === undefined ? {} : { ca: readFileSync(tls.authority) }),
        ...(tls?.minVersion === undefined ? {} : { minVersion: tls.minVersion }),
      })
    : new HttpAgent({ keepAlive: true, maxSockets: 8 });
  return (body) =>
    new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(
        url,
        {
          method: "POST",
          agent,
          headers: { ...headers, "content-length": String(body.length) },
          timeout: timeoutMs,
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            if (size < MAX_ANSWER_BYTES) chunks.push(chunk);
            size += chunk.length;
          });
          response.on("error", reject);
          response.on("end", () => {
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) {
              resolve();
              return;
            }
            const said = Buffer.concat(chunks).toString("utf8").trim().slice(0, 200);
            const message = `${url} answered ${status}${said === "" ? "" : `: ${said}`}`;
            const lasting = status >= 400 && status < 500 && status !== 408 && status !== 429;
            reject(lasting ? new RefusedDelivery(message) : new Error(message));
          });
        },
      );
      request.on("timeout", () => request.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)));
      request.on("error", reject);
      request.end(body);
    });
}

export function basicAuthorization(user: string | undefined, password: string | undefined): Record<string, string> {
  if (user === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}` };
}
