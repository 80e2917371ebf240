import { blocking, callingBack, currentUser } from "./blocking.ts";
import type { User } from "./user.ts";

/** What the script shapes call; blocking calls really take a while. Loaded by the helper thread too. */
export interface Logged {
  readonly log: string[];
}

interface Operation {
  readonly url: string;
  readonly hops: number;
}

interface Outcome {
  readonly status: number;
  readonly url: string;
}

let calls = 0;

async function perform({ url, hops }: Operation): Promise<Outcome> {
  // Some end in the same round of microtasks as others begin, some a round of the event loop later.
  if (hops % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let hop = 0; hop < hops; hop++) await undefined;
  if (url === "THROW") throw new Error("net");
  return { status: 200, url };
}

const request = (name: string) =>
  blocking(
    {
      name,
      begin: (_user: User<Logged>, url: unknown): Operation => ({ url: String(url), hops: (calls++ * 7) % 11 }),
      perform,
      finish: (_user, { status, url }: Outcome) => ({ status, url, json: () => ({ url }) }),
    },
    import.meta.url,
  );

export const natives = {
  http: { get: request("http.get"), post: request("http.post") },
  sleep: blocking(
    { name: "sleep", begin: (_user: User<Logged>) => ({ url: "", hops: 4 }), perform, finish: () => undefined },
    import.meta.url,
  ),
  group: callingBack<Logged, [string, (...args: never[]) => unknown], unknown>(
    "group",
    function* (_user, _name, callee) {
      return yield { callee, self: undefined, args: [] };
    },
  ),
  check: callingBack<Logged, [unknown, Record<string, unknown>], boolean>("check", function* (_user, value, checks) {
    let passed = true;
    for (const each of Object.values(checks)) {
      const callee = each as (...args: never[]) => unknown;
      const result = typeof each === "function" ? yield { callee, self: undefined, args: [value] } : each;
      if (!result) passed = false;
    }
    return passed;
  }),
  log: (text: unknown) => void currentUser<Logged>().host.log.push(String(text)),
};

/** What the body of a script logs as it stands, with stubs that answer at once. */
export async function asWritten(body: string): Promise<string[]> {
  const lines: string[] = [];
  const get = (url: unknown): object => {
    if (url === "THROW") throw new Error("net");
    return { status: 200, url: String(url), json: () => ({ url }) };
  };
  const exports: { default?: () => unknown } = {};
  const check = (value: unknown, checks: Record<string, (value: unknown) => unknown>): boolean =>
    Object.values(checks)
      .map((each) => (typeof each === "function" ? each(value) : each))
      .every(Boolean);
  new Function("exports", "http", "sleep", "check", "group", "log", body)(
    exports,
    { get, post: get },
    () => undefined,
    check,
    (_name: string, callee: () => unknown) => callee(),
    (text: unknown) => lines.push(String(text)),
  );
  await exports.default!();
  // Until timers of 0 ms ran.
  await new Promise((resolve) => setTimeout(resolve, 5));
  return lines;
}
