import { describe, expect, it } from "vitest";
import { REQUEST, referenceLogs, referenceMetrics, referenceSpans } from "../../test/otlp/reference.ts";
import { buildLogs, buildMetrics, buildTraces } from "./otlp-build.ts";

const BUILD = { traces: buildTraces, logs: buildLogs, metrics: buildMetrics };

describe.each(["traces", "logs", "metrics"] as const)("building %s", (signal) => {
  it("gives the same bytes for the same seed and others for another", () => {
    const build = BUILD[signal];
    expect(Buffer.compare(build({ records: 50 }, 3), build({ records: 50 }, 3))).toBe(0);
    expect(Buffer.compare(build({ records: 50 }, 3), build({ records: 50 }, 4))).not.toBe(0);
  });

  it("writes the shortest encoding, as SDKs do", () => {
    const body = BUILD[signal]({ records: 50 }, 3);
    expect(REQUEST[signal].encode(REQUEST[signal].decode(body)).finish().length).toBe(body.length);
  });
});

describe("built bodies", () => {
  it("have the records, resources and attributes asked for", () => {
    const spec = { records: 101, resources: 3, resourceAttributes: 2, attributes: 11 };
    const spans = referenceSpans(buildTraces(spec)) as { attributes: unknown[]; resource: { attributes: unknown[] } }[];
    expect(spans).toHaveLength(101);
    expect(spans.every((span) => span.attributes.length === 11 && span.resource.attributes.length === 2)).toBe(true);
    expect(new Set(spans.map((span) => JSON.stringify(span.resource.attributes))).size).toBe(3);
    expect(referenceLogs(buildLogs(spec))).toHaveLength(101);
    const points = referenceMetrics(buildMetrics(spec));
    expect(points.numbers.length + points.histograms.length).toBe(101);
    expect(referenceMetrics(buildMetrics({ ...spec, histogramEvery: 0 })).histograms).toHaveLength(0);
  });

  it("put ids and times where they are told", () => {
    const spans = referenceSpans(
      buildTraces({ records: 20, idPrefix: "beef01", startUnixNano: 1000n, stepNano: 10n }),
    ) as { traceId: string; spanId: string; start: bigint }[];
    expect(spans.every((span) => span.traceId.startsWith("beef01") && span.spanId.startsWith("beef01"))).toBe(true);
    expect(spans.map((span) => span.start)).toEqual(
      Array.from({ length: 20 }, (_, index) => 1010n + BigInt(index) * 10n),
    );
    expect(new Set(spans.map((span) => span.spanId)).size).toBe(20);
  });

  it("can be empty", () => {
    expect(referenceSpans(buildTraces({ records: 0 }))).toEqual([]);
    expect(referenceMetrics(buildMetrics({ records: 0 })).numbers).toEqual([]);
  });
});
