import { frameTransfers, type SampleFrame } from "../metric/frame.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder } from "../metric/recorder.ts";
import type { GeneratorSamples } from "./generator.ts";
import type { DrainedFrame } from "./serve-generator.ts";

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

/**
 * What a generator records into.
 * @param generator its number: different for each generator of a run
 * @param keepsRaw frames carry every sample, for outputs that want them
 */
export function openGeneratorSamples(
  generator: number,
  keepsRaw: boolean,
): GeneratorSamples & { drain(): DrainedFrame & { readonly frame: SampleFrame } } {
  const metrics = new MetricRegistry();
  const recorder = new Recorder(metrics, { generator, raw: keepsRaw }, nowUnixMs());
  return {
    metrics,
    samples: recorder,
    drain: () => {
      const frame = recorder.drain(nowUnixMs());
      return { frame, transfer: frameTransfers(frame) };
    },
  };
}
