import { expect, it } from "vitest";
import { ManualClock } from "./clock.ts";
import { createLog, type LogEvent } from "./log.ts";

it("writes one line an event, quotes what would read wrong, and tells its subscribers", () => {
  const lines: string[] = [];
  const events: LogEvent[] = [];
  const log = createLog({ write: (line) => lines.push(line), clock: new ManualClock(0) });
  const unsubscribe = log.subscribe((event) => events.push(event));
  log.warn("engine restarted", { reason: 'out of "memory"', restarts: 2 });
  unsubscribe();
  log.info("ready");
  expect(lines).toEqual([
    '1970-01-01T00:00:00.000Z WARN  engine restarted reason="out of \\"memory\\"" restarts=2\n',
    "1970-01-01T00:00:00.000Z INFO  ready\n",
  ]);
  expect(events.map((event) => event.message)).toEqual(["engine restarted"]);
});

it("writes JSON lines when asked", () => {
  const lines: string[] = [];
  createLog({ write: (line) => lines.push(line), format: "json", clock: new ManualClock(0) }).error("no", { code: 7 });
  expect(JSON.parse(lines[0]!)).toEqual({ time: "1970-01-01T00:00:00.000Z", level: "error", message: "no", code: 7 });
});
