import { describe, expect, it } from "vitest";
import { convertHar } from "./har.ts";

const entry = (url: string, atMs: number, more: object = {}, response: object = {}) => ({
  pageref: "page_1",
  startedDateTime: new Date(1_700_000_000_000 + atMs).toISOString(),
  time: 100,
  request: {
    method: "GET",
    url,
    headers: [
      { name: "Accept", value: "text/html" },
      { name: "Cookie", value: "session=secret" },
      { name: ":authority", value: "shop.test" },
      { name: "sec-ch-ua", value: "x" },
    ],
    ...more,
  },
  response: { status: 200, content: { mimeType: "text/html" }, ...response },
});

const har = (entries: readonly object[]): string =>
  JSON.stringify({
    log: {
      pages: [
        { id: "page_1", title: "Home :: Shop", startedDateTime: "2023-11-14T22:13:20.000Z" },
        { id: "page_2", title: "Cart", startedDateTime: "2023-11-14T22:13:25.000Z" },
      ],
      entries,
    },
  });

describe("HAR", () => {
  it("becomes a script with a group a page, batches, pauses and checks", () => {
    const script = convertHar(
      har([
        entry("https://shop.test/", 0),
        entry("https://shop.test/logo.png", 10, {}, { content: { mimeType: "image/png" } }),
        entry("https://shop.test/api/items", 20),
        {
          ...entry("https://shop.test/api/cart", 5000, {
            method: "POST",
            postData: { mimeType: "application/json", text: '{"id":1}' },
          }),
          pageref: "page_2",
        },
        { ...entry("https://ads.test/", 5010), pageref: "page_2" },
      ]),
      { skip: ["ads.test"] },
    );
    expect(script).toBe(`import http from "k6/http";
import { check, group, sleep } from "k6";

export const options = {
  vus: 1,
  iterations: 1,
};

export default function () {
  let response;
  group("Home : Shop", () => {
    response = http.batch([
      ["GET", "https://shop.test/", null, { headers: {"Accept":"text/html"} }],
      ["GET", "https://shop.test/api/items", null, { headers: {"Accept":"text/html"} }],
    ]);
    check(response[0], { "GET / is 200": (r) => r.status === 200 });
    check(response[1], { "GET /api/items is 200": (r) => r.status === 200 });
  });
  sleep(4.88);
  group("Cart", () => {
    response = http.request("POST", "https://shop.test/api/cart", "{\\"id\\":1}", { headers: {"Accept":"text/html"} });
    check(response, { "POST /api/cart is 200": (r) => r.status === 200 });
  });
}
`);
  });

  it("refuses what is none, and a recording of which nothing is left", () => {
    expect(() => convertHar("{}")).toThrow("no `log.entries`");
    expect(() => convertHar(har([entry("https://shop.test/", 0)]), { only: ["other.test"] })).toThrow(
      "no request is left",
    );
  });
});
