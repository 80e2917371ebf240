import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { openScript } from "#script/open-script.ts";
import type { LoadUser, LoadUserState } from "../../load-user.ts";
import type { Options } from "../../options.ts";
import type { Metric, Metrics, Samples, TagSets } from "../../samples.ts";
import { htmlModule } from "../html/html-module.ts";
import { httpModule } from "./http-module.ts";
import { closeHttpRun } from "./http-run.ts";

/** What tests of k6/http stand on: real scripts of one user against real servers, samples as they were added. */

export const OPTIONS: Options = {
  scenarios: {},
  thresholds: {},
  tags: {},
  systemTags: new Set([
    "proto",
    "subproto",
    "status",
    "method",
    "url",
    "name",
    "group",
    "check",
    "error",
    "error_code",
    "tls_version",
    "scenario",
    "service",
    "expected_response",
  ]),
  setupTimeoutMs: 60_000,
  teardownTimeoutMs: 60_000,
  handleSummaryTimeoutMs: 60_000,
  noSetup: false,
  noTeardown: false,
  rps: undefined,
  maxRedirects: 10,
  userAgent: "traceo-test",
  batch: 20,
  batchPerHost: 6,
  httpDebug: "",
  insecureSkipTlsVerify: false,
  tlsVersion: { min: undefined, max: undefined },
  tlsCipherSuites: [],
  tlsAuth: [],
  throw: false,
  blacklistIPs: [],
  blockHostnames: [],
  hosts: {},
  dns: { ttl: "5m", select: "random", policy: "preferIPv4" },
  noConnectionReuse: false,
  noVUConnectionReuse: false,
  minIterationDurationMs: 0,
  noCookiesReset: false,
  discardResponseBodies: false,
  localIPs: [],
  summaryTrendStats: [],
  summaryTimeUnit: "",
  executionSegment: undefined,
  executionSegmentSequence: undefined,
  paused: false,
} as unknown as Options;

export interface Sample {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly value: number;
  readonly unixMs: number;
  readonly traceId: string | undefined;
}

class Recorded implements Metrics, Samples, TagSets {
  readonly tags = this;
  readonly samples: Sample[] = [];
  readonly #metrics: Metric[] = [];
  readonly #sets: Readonly<Record<string, string>>[] = [{}];
  readonly #known = new Map<string, number>([["[]", 0]]);

  define(name: string, type: Metric["type"], contains: Metric["contains"]): Metric {
    const known = this.find(name);
    if (known !== undefined) return known;
    const metric = { id: this.#metrics.length, name, type, contains };
    this.#metrics.push(metric);
    return metric;
  }
  find(name: string): Metric | undefined {
    return this.#metrics.find((metric) => metric.name === name);
  }
  all(): readonly Metric[] {
    return this.#metrics;
  }
  with(set: number, key: string, value: string): number {
    const { [key]: _before, ...rest } = this.#sets[set]!;
    const made = value === "" ? rest : { ...rest, [key]: value };
    const name = JSON.stringify(Object.entries(made).sort());
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    this.#known.set(name, this.#sets.length);
    return this.#sets.push(made) - 1;
  }
  entries(set: number): readonly (readonly [string, string])[] {
    return Object.entries(this.#sets[set]!);
  }
  get(set: number, key: string): string | undefined {
    return this.#sets[set]![key];
  }
  add(metric: number, tags: number, value: number, unixMs: number, traceId?: string): void {
    this.samples.push({ metric: this.#metrics[metric]!.name, tags: this.#sets[tags]!, value, unixMs, traceId });
  }
}

export interface ScriptRun {
  /** What the default function returned. */
  readonly value: unknown;
  readonly samples: readonly Sample[];
  readonly log: readonly string[];
  readonly user: LoadUser;
}

const closing: (() => void)[] = [];

/** To be called after each test. */
export function closeAll(): void {
  for (const close of closing.splice(0)) close();
}

export function closeLater(close: () => void): void {
  closing.push(close);
}

/** Runs `body` as the default function of a script that has imported k6/http and k6/html; `URL_` stands for `url`. */
export async function runScript(
  body: string,
  url = "",
  options: Partial<Options> = {},
  prepareUser?: (user: LoadUser) => void,
): Promise<ScriptRun> {
  const recorded = new Recorded();
  const log: string[] = [];
  const state = {
    metrics: recorded,
    samples: recorded,
    options: { ...OPTIONS, ...options },
    idInInstance: 1,
    idInTest: 1,
    iterationInInstance: 0,
    iterationInScenario: 0,
    scenario: undefined,
    tags: recorded.with(0, "scenario", "default"),
    group: "",
    metadata: new Map(),
    slots: new Map(),
    run: {
      durationMs: () => 0,
      iterationsCompleted: 0,
      iterationsInterrupted: 0,
      usersActive: 1,
      usersInitialized: 1,
      abort: () => undefined,
      fail: () => undefined,
      log: (level: string, text: string) => log.push(`${level}: ${text}`),
    },
  } as unknown as LoadUserState;
  const script = await openScript({
    entry: "/script.js",
    source: `import http from "k6/http";\nimport { parseHTML } from "k6/html";\nconst URL_ = ${JSON.stringify(url)};\nexport default async function () {\n${body}\n}`,
    readFile: () => {
      throw new Error("no other file");
    },
    ours: (specifier) => [httpModule, htmlModule].find((module) => module.specifier === specifier),
    globals: {},
  });
  const user = (await script.createUser(1, state)) as LoadUser;
  closing.push(() => closeHttpRun(state.options));
  prepareUser?.(user);
  return { value: await user.call("default", []), samples: recorded.samples, log, user };
}

export async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function serve(listener: RequestListener): Promise<string> {
  return await listen(createServer(listener));
}

/** Answers every request with what it was, as JSON. */
export const echo: RequestListener = (request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    response.setHeader("Content-Type", "application/json");
    response.end(
      JSON.stringify({
        method: request.method,
        path: request.url,
        headers: request.headers,
        body: body.toString("utf8"),
        bodyHex: body.toString("hex"),
      }),
    );
  });
};
