import { describe, expect, it } from "vitest";
import { blocking } from "./blocking.ts";
import { openScript } from "./open-script.ts";

const get = blocking(
  {
    name: "http.get",
    begin: (_user, url: string) => {
      log.push(`begin ${url}`);
      return url;
    },
    perform: async (url: string) => {
      for (let hop = 0; hop < 3; hop++) await Promise.resolve();
      return { status: 200, url };
    },
    finish: (_user, outcome: { status: number; url: string }) => outcome,
  },
  import.meta.url,
);
const log: string[] = [];

describe("openScript", () => {
  it("runs interleaved users", async () => {
    const source = `
import http from "k6/http";
import { sleep } from "k6";
let count = 0;
export const options = { vus: 3 };
export default function (data) {
  const response = http.get("a" + data.name);
  count++;
  sleep(1);
  return [count, response.status, response.url];
}`;
    const script = await openScript({
      entry: "/script.js",
      source,
      readFile: () => {
        throw new Error("none");
      },
      ours: (specifier) =>
        specifier === "k6/http" ? { exports: { get } } : specifier === "k6" ? { exports: { sleep: get } } : undefined,
      globals: {},
    });
    const users = await Promise.all([1, 2, 3].map((id) => script.createUser(id, undefined)));
    expect(users[0]!.exports["options"]).toEqual({ vus: 3 });
    expect(await Promise.all(users.map((user) => user.call("default", [{ name: user.id }])))).toEqual([
      [1, 200, "a1"],
      [1, 200, "a2"],
      [1, 200, "a3"],
    ]);
    expect(log).toEqual(["begin a1", "begin a2", "begin a3", "begin 1", "begin 1", "begin 1"]);
  });
});
