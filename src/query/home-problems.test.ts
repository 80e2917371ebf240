import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FoundProblem, findProblems } from "./home-problems.ts";
import { shopTraffic, type Trouble } from "./shop-traffic.suite.ts";
import { openTestStore, type TestStore } from "./test-store.suite.ts";

const MINUTE = 60_000;
let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

/** Each case is a tenant of its own, so that one engine serves them all. */
async function problemsOf(
  tenant: string,
  trouble: Trouble,
  options: { seed: number; healthyMs: number; brokenMs: number; startMs?: number },
): Promise<readonly FoundProblem[]> {
  const from = options.startMs ?? 17_000;
  const breakAt = from + options.healthyMs;
  const to = breakAt + options.brokenMs;
  const traffic = shopTraffic({ seed: options.seed, from, to, breakAt, trouble });
  await store.addSpans(traffic.spans.map((span) => ({ ...span, tenant })));
  await store.addLogs(traffic.logs.map((log) => ({ ...log, tenant })));
  await store.addSeries(traffic.series.map((series) => ({ ...series, tenant })));
  return findProblems(store.question(tenant, to));
}

const short = (problem: FoundProblem): string => `${problem.kind} ${problem.service} ${problem.operation ?? ""}`.trim();
const said = (problem: FoundProblem): string => `${problem.score.toFixed(2)} ${short(problem)}: ${problem.detail}`;
const told = (problem: FoundProblem): string[] => problem.differences.map(({ field, value }) => `${field}=${value}`);

describe("findProblems", () => {
  it.each([1, 2, 3, 4])("finds nothing wrong with a healthy shop (seed %d)", async (seed) => {
    expect(
      (await problemsOf(`healthy-${seed}`, "none", { seed, healthyMs: 12 * MINUTE, brokenMs: 0 })).map(short),
    ).toEqual([]);
  });

  it("finds nothing in nothing", async () => {
    expect(await findProblems(store.question("nobody", 0))).toEqual([]);
  });

  describe.each([
    ["ten minutes", 10 * MINUTE, 7],
    ["two minutes", 2 * MINUTE, 8],
  ])("45 to 60 s after the trouble began, healthy for %s before", (_, healthyMs, seed) => {
    it.each([
      ["slow-query", "catalogue pg.query:search-listings", "attributes.customer.region=ap-south"],
      ["error-burst", "payment charge card", "attributes.customer.region=us-east"],
      ["connection-pool", "checkout pg-pool.connect", "resource.service.version=1.5.0"],
      ["lock-convoy", "checkout pg.query:reserve-stock", "attributes.customer.tier=plus"],
    ] as const)("ranks the cause of a %s first and says whom it hits", async (trouble, first, whom) => {
      const problems = await problemsOf(`${trouble}-${seed}`, trouble, { seed, healthyMs, brokenMs: 55_000 });
      const [cause, ...rest] = problems;
      expect(`${cause!.service} ${cause!.operation}`, problems.map(said).join("\n")).toBe(first);
      expect(told(cause!)).toContain(whom);
      // Its callers wait for it or fail because of it: they are told with it.
      expect(cause!.detail).toMatch(/Also (slow|failing): .*gateway/);
      expect(rest.map(said)).toEqual([]);
      expect(cause!.target.fromMs).toBeLessThan(cause!.target.toMs);
    });

    it("sees memory that only grows", async () => {
      const problems = await problemsOf(`memory-leak-${seed}`, "memory-leak", { seed, healthyMs, brokenMs: 60_000 });
      expect(problems.map(short), problems.map(said).join("\n")).toEqual(["resource cart"]);
      expect(problems[0]!.target.where).toContainEqual({
        field: "resource.service.instance.id",
        op: "=",
        values: ["cart-b"],
      });
    });
  });

  it("forgets a trouble that is over", async () => {
    const from = 5000;
    const broken = shopTraffic({ seed: 21, from, to: 12 * MINUTE, breakAt: 10 * MINUTE, trouble: "slow-query" });
    const healed = shopTraffic({ seed: 22, from: 12 * MINUTE, to: 16 * MINUTE, breakAt: 0, trouble: "none" });
    await store.addSpans([...broken.spans, ...healed.spans].map((span) => ({ ...span, tenant: "healed" })));
    expect((await findProblems(store.question("healed", 16 * MINUTE))).map(short)).toEqual([]);
  });

  it("sees a service that has gone silent", async () => {
    const traffic = shopTraffic({ seed: 31, from: 0, to: 20 * MINUTE, breakAt: 0, trouble: "none" });
    const spans = traffic.spans.filter((span) => span.service !== "payment" || span.at < 15 * MINUTE);
    await store.addSpans(spans.map((span) => ({ ...span, tenant: "silent" })));
    expect((await findProblems(store.question("silent", 20 * MINUTE))).map(short)).toContain("silent payment");
  });
});
