import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  and,
  as,
  attribute,
  call,
  column,
  compare,
  descending,
  equals,
  isIn,
  output,
  select,
  test,
} from "#plan/expression.ts";
import { nano, openTestStore, type TestStore } from "./test-store.suite.ts";

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

describe("Question", () => {
  it("reads rows with every kind of condition bound as a parameter", async () => {
    const span = {
      at: 0,
      ms: 5,
      service: "cart",
      trace: "aa",
      span: "b1",
      name: "GET /cart",
      kind: "server",
      status: "error",
      attributes: { "http.route": "/cart", "user.id": "it's" },
      resource: { "service.version": "1.2" },
      events: [{ at: 1, name: "exception", attributes: { a: "b" } }],
    };
    await store.addSpans([span, { ...span, tenant: "other" }]);
    const question = store.question();
    const at = nano(0);
    const frame = await question.read(
      select({
        tenant: "other",
        from: "spans",
        time: { fromUnixNano: at, toUnixNano: at + 1_000_000_000n },
        where: and(
          equals(column("status_code"), "error"),
          isIn(column("kind"), ["server", "client"]),
          equals(attribute("attributes", "user.id"), "it's"),
          equals(attribute("attributes", "http.route"), "/cart"),
          compare(column("duration_nano"), ">=", 4_000_000),
          { kind: "match", left: column("name"), pattern: "^GET" },
          { kind: "phrase", left: column("name"), text: "get cart" },
          { kind: "exists", left: attribute("resource_attributes", "service.version") },
          isIn(column("trace_id"), ["aa", "bb"]),
        ),
        columns: [
          as("time", call("unixNanoText", column("start_time"))),
          as("duration_nano", column("duration_nano")),
          as("kind", column("kind")),
          as("attributes", column("attributes")),
          as("events", column("events.attributes")),
        ],
        orderBy: [descending(output("duration_nano"))],
        limit: 10,
      }),
    );
    expect(frame.rowCount).toBe(1);
    expect(frame.strings("time")).toEqual([`${at}`]);
    expect(frame.numbers("duration_nano")).toEqual([5_000_000]);
    expect(frame.strings("kind")).toEqual(["server"]);
    expect(frame.maps("attributes")).toEqual([{ "http.route": "/cart", "user.id": "it's" }]);
    expect(frame.nested("events")).toEqual([[{ a: "b" }]]);
  });

  it("aggregates over an inner Select", async () => {
    const question = store.question();
    const frame = await question.read(
      select({
        tenant: "default",
        from: select({
          tenant: "default",
          from: "spans",
          columns: [
            as("trace_id", column("trace_id")),
            as("spans", call("count")),
            as("failed", call("countIf", test(equals(column("status_code"), "error")))),
          ],
          groupBy: ["trace_id"],
          limit: 100,
        }),
        columns: [
          as("traces", call("count")),
          as(
            "pairs",
            call(
              "sum",
              call("element", call("tuple", column("spans"), column("failed")), { kind: "literal", value: 2 }),
            ),
          ),
        ],
        limit: 1,
      }),
    );
    expect(frame.numbers("traces")).toEqual([1]);
    expect(frame.numbers("pairs")).toEqual([1]);
  });
});
