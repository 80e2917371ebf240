import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { SIGNALS } from "#model/batch.ts";
import { RESPONSE } from "../../test/otlp/reference.ts";
import { encodeExportResponse, encodeStatus } from "./otlp-answer.ts";

/** google.rpc.Status and RetryInfo, from googleapis' status.proto and error_details.proto. */
const rpc = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`).root;

const REJECTED = { traces: "rejectedSpans", logs: "rejectedLogRecords", metrics: "rejectedDataPoints" };

const plain = (type: protobuf.Type, bytes: Uint8Array) => type.toObject(type.decode(bytes), { longs: String });

describe("encodeExportResponse", () => {
  it.each(SIGNALS)("says how many %s were rejected, and why", (signal) => {
    const message = `${"a trace id must be 16 bytes; ".repeat(10)}é`;
    for (const rejected of [1, 200, 2 ** 31, 2 ** 40 + 1]) {
      const expected = { partialSuccess: { [REJECTED[signal]]: String(rejected), errorMessage: message } };
      expect(plain(RESPONSE[signal], encodeExportResponse("protobuf", signal, rejected, message))).toEqual(expected);
      expect(JSON.parse(Buffer.from(encodeExportResponse("json", signal, rejected, message)).toString())).toEqual(
        expected,
      );
    }
  });

  it("is empty where all was taken", () => {
    expect(encodeExportResponse("protobuf", "logs", 0, "")).toHaveLength(0);
    expect(Buffer.from(encodeExportResponse("json", "logs", 0, "")).toString()).toBe("{}");
  });

  it("warns without rejecting", () => {
    expect(plain(RESPONSE.traces, encodeExportResponse("protobuf", "traces", 0, "slow down"))).toEqual({
      partialSuccess: { errorMessage: "slow down" },
    });
  });
});

describe("encodeStatus", () => {
  it("carries code and message", () => {
    const expected = { code: 3, message: "field: broken" };
    expect(plain(rpc.lookupType("Status"), encodeStatus("protobuf", 3, "field: broken"))).toEqual(expected);
    expect(JSON.parse(Buffer.from(encodeStatus("json", 3, "field: broken")).toString())).toEqual(expected);
  });

  it.each([
    [1, { seconds: "1" }, "1s"],
    [300, { seconds: "300" }, "300s"],
    [1.5, { seconds: "1", nanos: 500_000_000 }, "1.5s"],
    [0.25, { nanos: 250_000_000 }, "0.25s"],
  ])("tells to come back after %d s", (retryAfterSeconds, delay, text) => {
    const status = plain(rpc.lookupType("Status"), encodeStatus("protobuf", 14, "busy", retryAfterSeconds)) as {
      details: { typeUrl: string; value: Uint8Array }[];
    };
    expect(status.details).toHaveLength(1);
    expect(status.details[0]!.typeUrl).toBe("type.googleapis.com/google.rpc.RetryInfo");
    expect(plain(rpc.lookupType("RetryInfo"), status.details[0]!.value)).toEqual({ retryDelay: delay });
    expect(JSON.parse(Buffer.from(encodeStatus("json", 14, "busy", retryAfterSeconds)).toString())).toEqual({
      code: 14,
      message: "busy",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: text }],
    });
  });
});
