import { describe, expect, it } from "vitest";
import type { LogBatch, MetricBatch, SpanBatch } from "#model/batch.ts";
import { referenceLogs, referenceMetrics, referenceSpans } from "../../test/otlp/reference.ts";
import { logRows, metricRows, spanRows } from "../../test/otlp/rows.ts";
import { DECODE_LIMITS } from "./limits.ts";
import { type DecodeOptions, decodeOtlp } from "./otlp.ts";
import { buildLogs, buildMetrics, buildTraces } from "./otlp-build.ts";

const OPTIONS: DecodeOptions = { contentType: "protobuf", contentEncoding: "identity", limits: DECODE_LIMITS };

describe("decodeOtlp", () => {
  it("reads built traces as protobufjs does", () => {
    const body = buildTraces({ records: 300 }, 7);
    const outcome = decodeOtlp("traces", body, OPTIONS);
    expect(outcome).toMatchObject({ accepted: 300, rejected: 0, rejections: [], truncated: [] });
    expect(spanRows(outcome.batch as SpanBatch)).toEqual(referenceSpans(body));
  });

  it("reads built logs as protobufjs does", () => {
    const body = buildLogs({ records: 300 }, 7);
    const outcome = decodeOtlp("logs", body, OPTIONS);
    expect(outcome).toMatchObject({ accepted: 300, rejected: 0 });
    expect(logRows(outcome.batch as LogBatch)).toEqual(referenceLogs(body));
  });

  it("reads built metrics as protobufjs does", () => {
    const body = buildMetrics({ records: 300 }, 7);
    const outcome = decodeOtlp("metrics", body, OPTIONS);
    expect(outcome).toMatchObject({ accepted: 300, rejected: 0 });
    expect(metricRows(outcome.batch as MetricBatch)).toEqual(referenceMetrics(body));
  });
});
