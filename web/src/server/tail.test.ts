import { describe, expect, it } from "vitest";
import { eventParser } from "./tail.ts";

describe("server-sent events", () => {
  const stream = 'event: rows\ndata: [{"a":1}]\n\n: comment\n\nevent: heartbeat\ndata: \n\ndata: one\ndata: two\n\n';

  it("come out the same however the stream is cut", () => {
    const whole = eventParser()(stream);
    expect(whole).toEqual([
      { event: "rows", data: '[{"a":1}]' },
      { event: "heartbeat", data: "" },
      { event: "message", data: "one\ntwo" },
    ]);
    for (let size = 1; size < 9; size++) {
      const parse = eventParser();
      const events = [];
      for (let at = 0; at < stream.length; at += size) events.push(...parse(stream.slice(at, at + size)));
      expect(events).toEqual(whole);
    }
  });

  it("keeps what is unfinished", () => {
    const parse = eventParser();
    expect(parse("data: x")).toEqual([]);
    expect(parse("y\n\n")).toEqual([{ event: "message", data: "xy" }]);
  });
});
