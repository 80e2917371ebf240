import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { DeskRefusal, type TroubleDesk } from "./trouble-desk.ts";

/** Where a running shop is controlled; written to `control.json` in its data directory, for its owner alone. */
export interface ControlAddress {
  readonly url: string;
  readonly secret: string;
  readonly pid: number;
}

export interface ControlServerOptions {
  readonly dataDir: string;
  readonly desk: TroubleDesk;
  /** Called after `POST /stop` was answered. */
  readonly onStop: () => void;
}

export const CONTROL_FILE = "control.json";
const MAX_BODY_BYTES = 4_096;

/**
 * The shop's switchboard on loopback. Every request carries `Authorization: Bearer <secret>`.
 *
 *   GET  /state  → DemoState
 *   POST /break  → DemoState; body {} or {"trouble": name, "subject": value}, for tests
 *   POST /reveal → DemoReveal; what was broken is whole again when it answers
 *   POST /stop   → 202, then the shop closes
 *
 * 401 without the secret, 409 when it cannot be done now, 500 when a process failed to do it; each with {"error": reason}.
 */
export async function openControlServer(options: ControlServerOptions): Promise<{ close(): Promise<void> }> {
  const secret = randomBytes(24).toString("base64url");
  const expected = Buffer.from(`Bearer ${secret}`);
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      reply(401, { error: "the secret stands in control.json" });
      return;
    }
    try {
      switch (`${request.method} ${request.url}`) {
        case "GET /state":
          reply(200, options.desk.state());
          break;
        case "POST /break": {
          const { trouble, subject } = await readChoice(request);
          reply(200, await options.desk.break(trouble, subject));
          break;
        }
        case "POST /reveal":
          reply(200, await options.desk.reveal());
          break;
        case "POST /stop":
          response.once("finish", options.onStop);
          reply(202, {});
          break;
        default:
          reply(404, { error: `nothing at ${request.method} ${request.url}` });
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      reply(error instanceof DeskRefusal ? 409 : error instanceof SyntaxError ? 400 : 500, { error: message });
    }
  };

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the control server has no port");
  const file = join(options.dataDir, CONTROL_FILE);
  const control: ControlAddress = { url: `http://127.0.0.1:${address.port}`, secret, pid: process.pid };
  rmSync(file, { force: true });
  writeFileSync(file, JSON.stringify(control), { mode: 0o600 });
  return {
    async close() {
      rmSync(file, { force: true });
      server.close();
      server.closeIdleConnections();
      await once(server, "close");
    },
  };
}

async function readChoice(request: IncomingMessage): Promise<{ trouble?: string; subject?: string }> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new SyntaxError("the body is too large");
    chunks.push(chunk);
  }
  if (sizeBytes === 0) return {};
  const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  const trouble = text(body["trouble"]);
  const subject = text(body["subject"]);
  return { ...(trouble === undefined ? {} : { trouble }), ...(subject === undefined ? {} : { subject }) };
}
