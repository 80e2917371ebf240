import { frameTransfers, type SampleFrame } from "../metric/frame.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder } from "../metric/recorder.ts";
import type { DrainedFrame, ServedSamples } from "./serve-generator.ts";

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

/**
 * What a generator records into.
 * @param generator its number: different for each generator of a run
 */
export function openGeneratorSamples(
  generator: number,
): ServedSamples & { drain(): DrainedFrame & { readonly frame: SampleFrame } } {
  const metrics = new MetricRegistry();
  let recorder = new Recorder(metrics, { generator, raw: false }, nowUnixMs());
  return {
    metrics,
    get samples() {
      return recorder;
    },
    start: (keepsRaw) => {
      recorder = new Recorder(metrics, { generator, raw: keepsRaw }, nowUnixMs());
    },
    drain: () => {
      const frame = recorder.drain(nowUnixMs());
      return { frame, transfer: frameTransfers(frame) };
    },
  };
}
