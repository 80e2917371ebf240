// What a load test's samples cost: nanoseconds a sample in the recorder (plain, and with raw samples for json or csv), the
// drain and merge of a second, and the memory of an hour at 10,000 requests a second (`hourRss`, target 500 MB).
import { METRIC } from "../dist/load/metric/built-in.js";
import { frameTransfers } from "../dist/load/metric/frame.js";
import { MetricRegistry } from "../dist/load/metric/metric-registry.js";
import { Recorder } from "../dist/load/metric/recorder.js";
import { Timeline } from "../dist/load/metric/timeline.js";
import { Totals } from "../dist/load/metric/totals.js";
import { bindThresholds } from "../dist/load/threshold/threshold-set.js";

const REQUESTS = 10_000;
const PATHS = 40;
const TRENDS = [
  METRIC.http_req_duration,
  METRIC.http_req_blocked,
  METRIC.http_req_connecting,
  METRIC.http_req_tls_handshaking,
  METRIC.http_req_sending,
  METRIC.http_req_waiting,
  METRIC.http_req_receiving,
];

/** One request as the client records it: its tags from the strings, nine samples, a check, bytes. 12 samples. */
function request(registry, recorder, base, number, unixMs) {
  const path = number % PATHS;
  let tags = registry.tags.with(base, "method", "GET");
  tags = registry.tags.with(tags, "url", URLS[path]);
  tags = registry.tags.with(tags, "name", URLS[path]);
  tags = registry.tags.with(tags, "status", number % 50 === 0 ? "500" : "200");
  tags = registry.tags.with(tags, "expected_response", number % 50 === 0 ? "false" : "true");
  // Spread over two decades, cheap to make.
  const value = 1 + ((number * 7919) % 1009) / 7 + path;
  recorder.add(METRIC.http_reqs, tags, 1, unixMs);
  for (const metric of TRENDS) recorder.add(metric, tags, metric === METRIC.http_req_connecting ? 0 : value, unixMs);
  recorder.add(METRIC.http_req_failed, tags, number % 50 === 0 ? 1 : 0, unixMs);
  recorder.add(METRIC.checks, registry.tags.with(base, "check", "status is 200"), 1, unixMs);
  recorder.add(METRIC.data_received, base, 1200, unixMs);
  recorder.add(METRIC.data_sent, base, 90, unixMs);
}
const SAMPLES_A_REQUEST = 12;
const URLS = Array.from({ length: PATHS }, (_, index) => `http://shop.test/products/${index}`);

function cpuMs(from) {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

function generator(raw) {
  const registry = new MetricRegistry();
  const recorder = new Recorder(registry, { generator: 1, raw }, 0);
  return {
    registry,
    recorder,
    base: registry.tags.of([
      ["scenario", "default"],
      ["group", "::front"],
    ]),
  };
}

export async function run(print) {
  for (const raw of [false, true]) {
    const { registry, recorder, base } = generator(raw);
    let best = Number.POSITIVE_INFINITY;
    let drainMs = 0;
    for (let second = 0; second < 30; second++) {
      const from = process.cpuUsage();
      for (let number = 0; number < REQUESTS; number++)
        request(registry, recorder, base, number, second * 1000 + number / 10);
      best = Math.min(best, cpuMs(from));
      const drain = process.cpuUsage();
      frameTransfers(recorder.drain(second * 1000 + 1000));
      drainMs = cpuMs(drain);
    }
    print({
      figure: raw ? "record with raw samples" : "record",
      nsASample: Math.round((best * 1e6) / REQUESTS / SAMPLES_A_REQUEST),
      nsARequest: Math.round((best * 1e6) / REQUESTS),
      drainMs: Math.round(drainMs * 10) / 10,
    });
  }

  const { registry, recorder, base } = generator(false);
  const totals = new Totals();
  const option = (threshold) => ({ threshold, abortOnFail: false, delayAbortEvalMs: 0 });
  const { thresholds } = bindThresholds(totals, {
    http_req_duration: [option("p(95)<500"), option("p(99)<1000")],
    http_req_failed: [option("rate<0.1")],
    checks: [option("rate>0.95")],
  });
  const timeline = new Timeline(totals.registry);
  let mergeMs = 0;
  let evaluateMs = 0;
  let peakRss = 0;
  let frameBytes = 0;
  const seconds = 3600;
  for (let second = 0; second < seconds; second++) {
    for (let number = 0; number < REQUESTS; number++)
      request(registry, recorder, base, number, second * 1000 + number / 10);
    const frame = recorder.drain(second * 1000 + 1000);
    frameBytes = frameTransfers(frame).reduce((sum, buffer) => sum + buffer.byteLength, 0);
    const from = process.cpuUsage();
    timeline.add(totals.merge(frame));
    mergeMs += cpuMs(from);
    if (second % 2 === 1) {
      const evaluate = process.cpuUsage();
      thresholds.evaluate(second * 1000, false);
      evaluateMs += cpuMs(evaluate);
    }
    if (second % 30 === 0) peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }
  print({
    figure: "an hour at 10,000 requests a second",
    samples: seconds * REQUESTS * SAMPLES_A_REQUEST,
    mergeMsASecond: Math.round((mergeMs / seconds) * 100) / 100,
    evaluateMs: Math.round((evaluateMs / (seconds / 2)) * 100) / 100,
    frameKb: Math.round(frameBytes / 1024),
    peakRssMb: Math.round(peakRss / 1e6),
    targetMb: 500,
  });
}
