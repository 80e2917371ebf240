import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EPOCH_MS } from "#query/test-store.suite.ts";
import type { Deploys } from "../contract/shapes.ts";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";

const HOUR_MS = 3_600_000;
const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi({}, 6 * HOUR_MS);
  const spans = (service: string, version: string, hours: readonly number[], tenant = "default") =>
    hours.map((hour, index) => ({
      trace: hex(index + 1, 32),
      span: hex(index + 1, 16),
      at: hour * HOUR_MS,
      service,
      name: "GET /",
      tenant,
      resource: { "service.name": service, "service.version": version },
    }));
  await api.store.addSpans([
    ...spans("cart", "1.0", [0, 1, 2, 3]),
    ...spans("cart", "1.1", [2.5, 3, 4]),
    // Back to what ran before: no deploy.
    ...spans("cart", "1.0", [5]),
    ...spans("mail", "7", [3.5]),
    ...spans("cart", "secret", [3], "other"),
  ]);
  await api.store.addLogs([
    // Its log speaks before its first span ends.
    {
      at: 2.4 * HOUR_MS,
      span: hex(1, 16),
      service: "cart",
      body: "started",
      resource: { "service.name": "cart", "service.version": "1.1" },
    },
  ]);
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const ask = (fromHour: number, toHour: number, more = {}) =>
  api.get<Deploys>(
    `/api/deploys?${query({ from: EPOCH_MS + fromHour * HOUR_MS, to: EPOCH_MS + toHour * HOUR_MS, ...more })}`,
  );

describe("deploys", () => {
  it("are first sights of a version, in spans or logs, of this tenant", async () => {
    const { deploys } = await ask(2, 6);
    expect(deploys).toEqual([
      { service: "cart", version: "1.1", previous: "1.0", timeMs: EPOCH_MS + 2.4 * HOUR_MS },
      { service: "mail", version: "7", previous: null, timeMs: EPOCH_MS + 3.5 * HOUR_MS },
    ]);
  });

  it("are none of what ran before the range", async () => {
    expect((await ask(3, 3.4)).deploys).toEqual([]);
    expect((await ask(2, 6, { service: "mail" })).deploys.map(({ service }) => service)).toEqual(["mail"]);
  });
});
