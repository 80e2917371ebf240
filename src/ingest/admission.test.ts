import { describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import { Admission, type AdmissionOptions, type Ticket } from "./admission.ts";
import { LimitCounts, RECEIVER_LIMIT_NAMES } from "./admission-counts.ts";

const OPTIONS: AdmissionOptions = {
  maxBytes: 1000,
  maxRequests: 4,
  maxConnectionBytes: 600,
  maxConnectionRequests: 2,
  minBytesPerSecond: 100,
  graceMs: 1000,
  retryAfterSeconds: 7,
};

function open(options: Partial<AdmissionOptions> = {}) {
  const clock = new ManualClock(0);
  const counts = new LimitCounts();
  const admission = new Admission({ ...OPTIONS, ...options }, clock, counts);
  const evicted: string[] = [];
  const enter = (connection: object, bytes: number, name = "?"): Ticket => {
    const ticket = admission.enter(connection, bytes, (failure) => evicted.push(`${name} ${failure.code}`));
    if (ticket instanceof Failure) throw ticket;
    return ticket;
  };
  const refusal = (connection: object, bytes: number): Failure | undefined => {
    const ticket = admission.enter(connection, bytes, () => undefined);
    if (ticket instanceof Failure) return ticket;
    ticket.leave();
    return undefined;
  };
  return { clock, counts, admission, evicted, enter, refusal };
}

describe("room", () => {
  it("is what was not taken, and comes back when a request leaves", () => {
    const { admission, counts, enter, refusal } = open();
    const first = enter({}, 600);
    expect(refusal({}, 401)).toMatchObject({ code: "unavailable", retryAfterSeconds: 7 });
    expect(refusal({}, 400)).toBeUndefined();
    first.leave();
    first.leave();
    expect(admission.status()).toEqual({ bytes: 0, requests: 0, peakBytes: 1000 });
    expect(refusal({}, 600)).toBeUndefined();
    expect(counts.snapshot()["in-flight-bytes"]).toBe(1);
  });

  it("asks senders refused together to come back one after the other", () => {
    const { enter, refusal } = open();
    enter({}, 600);
    expect([1, 2, 3, 4].map(() => refusal({}, 500)?.retryAfterSeconds)).toEqual([7, 8, 9, 7]);
  });

  it("is bounded by requests", () => {
    const { counts, enter, refusal } = open();
    const tickets = Array.from({ length: 4 }, () => enter({}, 0));
    expect(refusal({}, 0)?.code).toBe("unavailable");
    tickets[0]!.leave();
    expect(refusal({}, 0)).toBeUndefined();
    expect(counts.snapshot()["in-flight-requests"]).toBe(1);
  });

  it("is bounded for one connection", () => {
    const { counts, enter, refusal } = open();
    const connection = {};
    enter(connection, 300);
    expect(refusal(connection, 301)?.code).toBe("overloaded");
    const second = enter(connection, 300);
    expect(refusal(connection, 0)?.code).toBe("overloaded");
    expect(refusal({}, 400)).toBeUndefined();
    second.leave();
    expect(refusal(connection, 300)).toBeUndefined();
    expect(counts.snapshot()).toMatchObject({ "connection-bytes": 1, "connection-requests": 1 });
  });

  it("is taken in steps by a body of unknown size", () => {
    const { admission, enter } = open();
    const ticket = enter({}, 0);
    expect(ticket.grow(400)).toBeUndefined();
    expect(ticket.grow(201)?.code).toBe("overloaded");
    const other = enter({}, 600);
    expect(ticket.grow(1)?.code).toBe("unavailable");
    other.leave();
    expect(ticket.grow(200)).toBeUndefined();
    ticket.leave();
    expect(admission.status().bytes).toBe(0);
  });
});

describe("slow bodies", () => {
  it("are given up, slowest first, when room is short", () => {
    const { clock, counts, admission, evicted, enter } = open();
    const slow = enter({}, 400, "slow");
    const slower = enter({}, 400, "slower");
    const fast = enter({}, 100, "fast");
    clock.advance(2000);
    slow.received(150);
    slower.received(10);
    fast.received(99_999);
    enter({}, 300, "new");
    expect(evicted).toEqual(["slower unavailable"]);
    expect(admission.status()).toMatchObject({ bytes: 800, requests: 3 });
    slower.leave();
    expect(admission.status().bytes).toBe(800);
    expect(counts.snapshot()).toMatchObject({ "body-evicted": 1, "in-flight-bytes": 0 });
  });

  it("make room for a request too", () => {
    const { clock, evicted, enter } = open();
    for (const name of ["a", "b", "c", "d"]) enter({}, 0, name);
    clock.advance(1001);
    enter({}, 0);
    expect(evicted).toHaveLength(1);
  });

  it("are those that had their grace, are still coming and are not the one that asks", () => {
    const { clock, evicted, enter, refusal } = open();
    const complete = enter({}, 500);
    complete.complete();
    const growing = enter({}, 400);
    clock.advance(1001);
    expect(growing.grow(200)?.code).toBe("unavailable");
    clock.advance(1001);
    enter({}, 100, "young");
    clock.advance(500);
    growing.received(999);
    expect(refusal({}, 1)?.code).toBe("unavailable");
    expect(evicted).toEqual([]);
  });

  it("are looked for at most ten times a second", () => {
    const { clock, evicted, enter, refusal } = open();
    const fast = enter({}, 600);
    enter({}, 400, "slow");
    clock.advance(1001);
    fast.received(1000);
    enter({}, 300, "next");
    expect(evicted).toEqual(["slow unavailable"]);
    expect(refusal({}, 200)?.code).toBe("unavailable");
    clock.advance(2000);
    fast.received(9000);
    expect(refusal({}, 200)).toBeUndefined();
    expect(evicted).toEqual(["slow unavailable", "next unavailable"]);
  });
});

describe("counts", () => {
  it("name every limit, met or not", () => {
    expect(Object.keys(new LimitCounts().snapshot())).toEqual(RECEIVER_LIMIT_NAMES);
  });
});
