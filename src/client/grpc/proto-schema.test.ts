import protobuf from "protobufjs";
import "protobufjs/ext/descriptor/index.js";
import { describe, expect, it } from "vitest";
import { ProtoSchema } from "./proto-schema.ts";

const FILES: Readonly<Record<string, string>> = {
  "protos/shop.proto": `syntax = "proto3";
    package shop.v1;
    import "common/money.proto";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/duration.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/wrappers.proto";
    import "google/protobuf/any.proto";
    import "google/protobuf/field_mask.proto";
    enum State { UNKNOWN = 0; OPEN = 1; }
    message Order {
      int64 order_id = 1;
      string name = 2;
      State state = 3;
      repeated shop.common.Money prices = 4;
      map<string, int32> counts = 5;
      bytes payload = 6;
      google.protobuf.Timestamp at = 7;
      google.protobuf.Duration took = 8;
      google.protobuf.Struct extra = 9;
      google.protobuf.Int64Value maybe = 10;
      google.protobuf.Any any = 11;
      oneof paid { string card = 12; bool cash = 13; }
      optional int32 priority = 14;
      uint64 big = 15;
      double ratio = 16;
      google.protobuf.FieldMask mask = 17;
      map<int64, string> by_number = 18;
      bool is_new = 19 [json_name = "fresh"];
    }
    service Orders {
      rpc Place(Order) returns (Order);
      rpc Watch(Order) returns (stream Order);
    }`,
  "lib/common/money.proto": `syntax = "proto3"; package shop.common; message Money { string currency = 1; int64 units = 2; }`,
};

function schemaOf(): ProtoSchema {
  const schema = new ProtoSchema();
  expect(schema.addFiles(["protos", "lib"], ["shop.proto"], (path) => FILES[path])).toEqual([
    "shop.v1.Orders/Place",
    "shop.v1.Orders/Watch",
  ]);
  return schema;
}

const FULL = {
  orderId: "9007199254740993",
  name: "n",
  state: "OPEN",
  prices: [{ currency: "EUR", units: "5" }],
  counts: { a: 1 },
  payload: "aGk=",
  at: "2026-01-02T03:04:05.120Z",
  took: "-1.500s",
  extra: { a: [1, "x", null, { b: true }] },
  maybe: "7",
  any: { "@type": "type.googleapis.com/shop.common.Money", currency: "USD", units: "1" },
  card: "visa",
  priority: 0,
  big: "18446744073709551615",
  ratio: "NaN",
  mask: "aB,c",
  byNumber: { "-5": "five" },
  fresh: true,
};

describe("ProtoSchema", () => {
  it("carries every kind of field from JSON to bytes and back", () => {
    const place = schemaOf().method("shop.v1.Orders/Place")!;
    expect(place.path).toBe("/shop.v1.Orders/Place");
    expect(place.decode(place.encode(FULL))).toEqual(FULL);
  });

  it("takes field names as written and numbers for strings, and writes fields without presence", () => {
    const place = schemaOf().method("/shop.v1.Orders/Place")!;
    expect(place.decode(place.encode({ order_id: 12, state: 1, is_new: false }))).toEqual({
      orderId: "12",
      name: "",
      state: "OPEN",
      prices: [],
      counts: {},
      payload: "",
      at: null,
      took: null,
      extra: null,
      maybe: null,
      any: null,
      big: "0",
      ratio: 0,
      mask: null,
      byNumber: {},
      fresh: false,
    });
  });

  it("reads a protoset", () => {
    const root = new protobuf.Root();
    protobuf.parse(
      FILES["lib/common/money.proto"]!.replace(
        "message Money",
        "service Bank { rpc Get(Money) returns (Money); } message Money",
      ),
      root,
      {
        keepCase: true,
      },
    );
    root.resolveAll();
    const { toDescriptor } = root as unknown as {
      toDescriptor(this: protobuf.Root, edition: string): protobuf.Message;
    };
    const set = toDescriptor.call(root, "proto3");
    const { FileDescriptorSet } = (protobuf as unknown as { descriptor: { FileDescriptorSet: protobuf.Type } })
      .descriptor;
    const schema = new ProtoSchema();
    expect(schema.addDescriptorSet(FileDescriptorSet.encode(set).finish())).toEqual(["shop.common.Bank/Get"]);
    const get = schema.method("shop.common.Bank/Get")!;
    expect(get.decode(get.encode({ currency: "EUR", units: 3 }))).toEqual({ currency: "EUR", units: "3" });
  });

  it("tells streams apart and knows what it does not know", () => {
    const schema = schemaOf();
    expect(schema.method("shop.v1.Orders/Watch")).toMatchObject({ isServerStreaming: true, isClientStreaming: false });
    expect(schema.method("shop.v1.Orders/Cancel")).toBeUndefined();
    expect(schema.method("nonsense")).toBeUndefined();
  });

  it.each([
    [{ nope: 1 }, "Order: shop.v1.Order has no field nope"],
    [{ order_id: "x" }, 'Order.order_id: expected a whole number (int64), not "x"'],
    [{ prices: [{ units: 2 ** 80 }] }, "Order.prices[0].units: 1208925819614629174706176 does not fit int64"],
    [{ state: "SHUT" }, 'Order.state: expected one of UNKNOWN, OPEN, not "SHUT"'],
    [{ at: "yesterday" }, 'Order.at: expected a time such as 2026-01-02T03:04:05Z, not "yesterday"'],
    [{ counts: [1] }, "Order.counts: expected an object, not a list"],
  ])("names the field that does not fit: %j", (value, message) => {
    expect(() => schemaOf().method("shop.v1.Orders/Place")!.encode(value)).toThrow(message);
  });

  it("names the file that is missing or broken", () => {
    const schema = new ProtoSchema();
    expect(() => schema.addFiles(["a", "b"], ["x.proto"], () => undefined)).toThrow(
      "cannot find x.proto; looked for a/x.proto, b/x.proto",
    );
    expect(() => new ProtoSchema().addFiles([], ["x.proto"], () => "syntax = 'proto3'; message {")).toThrow(
      /x\.proto: .*line 1/,
    );
  });
});
