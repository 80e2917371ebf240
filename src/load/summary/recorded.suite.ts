import { METRIC } from "../metric/built-in.ts";
import type { SampleFrame } from "../metric/frame.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder } from "../metric/recorder.ts";

/** A small run that never was, for golden tests: two scenarios, nested groups, checks, one failing, custom metrics of each type. */
export const RUN_START_UNIX_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
export const RUN_DURATION_MS = 10_000;

export function recordedRun(raw = false): { frames: SampleFrame[]; registry: MetricRegistry } {
  const registry = new MetricRegistry();
  const recorder = new Recorder(registry, { generator: 1, raw, limits: {} }, RUN_START_UNIX_MS);
  const { tags } = registry;
  const orders = registry.define("orders", "counter", "default");
  const stock = registry.define("stock_level", "gauge", "default");
  const cached = registry.define("cached", "rate", "default");
  const render = registry.define("render_time", "trend", "time");
  const payload = registry.define("payload", "trend", "data");
  const frames: SampleFrame[] = [];
  for (let second = 0; second < 10; second++) {
    for (let request = 0; request < 8; request++) {
      const at = RUN_START_UNIX_MS + second * 1000 + request * 100;
      const browse = request % 2 === 0;
      const failed = second === 7 && request === 3;
      const base = tags.with(0, "scenario", browse ? "default" : "buyers");
      const group = tags.with(base, "group", browse ? "::front" : "::front::basket");
      const status = failed ? "500" : "200";
      let set = tags.with(group, "method", browse ? "GET" : "POST");
      for (const [key, value] of [
        ["url", browse ? "http://shop.test/" : 'http://shop.test/basket?say="hi, there"'],
        ["name", browse ? "http://shop.test/" : 'http://shop.test/basket?say="hi, there"'],
        ["proto", "HTTP/1.1"],
        ["status", status],
        ["expected_response", failed ? "false" : "true"],
        ...(failed ? [["error_code", "1500"] as const] : []),
      ] as const)
        set = tags.with(set, key, value);
      const waiting = 5 + ((second * 7 + request * 13) % 40) + (failed ? 900 : 0);
      recorder.add(METRIC.http_reqs, set, 1, at);
      recorder.add(METRIC.http_req_duration, set, waiting + 0.25, at, `${second}${request}`.padStart(32, "0"));
      recorder.add(METRIC.http_req_blocked, set, request === 0 ? 1.5 : 0.002, at);
      recorder.add(METRIC.http_req_waiting, set, waiting, at);
      recorder.add(METRIC.http_req_failed, set, failed ? 1 : 0, at);
      recorder.add(METRIC.data_received, base, 1234, at);
      recorder.add(METRIC.data_sent, base, 87, at);
      recorder.add(METRIC.checks, tags.with(group, "check", "status is 200"), failed ? 0 : 1, at);
      recorder.add(METRIC.checks, tags.with(group, "check", "has data"), 1, at);
      recorder.add(METRIC.iterations, base, 1, at);
      recorder.add(METRIC.iteration_duration, base, waiting + 1000.5, at);
      recorder.add(METRIC.group_duration, group, waiting + 0.5, at);
      recorder.add(cached.id, base, request % 3 === 0 ? 1 : 0, at);
      recorder.add(render.id, base, 0.4 + request / 8, at);
      recorder.add(payload.id, base, 900 + request * 37, at);
      if (!browse) recorder.add(orders.id, base, 2, at);
    }
    recorder.add(METRIC.vus, 0, Math.min(second + 1, 8), RUN_START_UNIX_MS + second * 1000 + 900);
    recorder.add(METRIC.vus_max, 0, 8, RUN_START_UNIX_MS + second * 1000 + 900);
    recorder.add(stock.id, 0, 100.5 - second * 3, RUN_START_UNIX_MS + second * 1000 + 950);
    frames.push(recorder.drain(RUN_START_UNIX_MS + (second + 1) * 1000));
  }
  return { frames, registry };
}
