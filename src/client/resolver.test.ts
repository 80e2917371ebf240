import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { expandAddresses, parseRanges } from "./address-range.ts";
import { DEFAULT_CLIENT_SETTINGS, type HttpClientSettings } from "./client-settings.ts";
import { Resolver } from "./resolver.ts";

const BOTH: readonly LookupAddress[] = [
  { address: "2001:db8::1", family: 6 },
  { address: "10.0.0.1", family: 4 },
  { address: "10.0.0.2", family: 4 },
];

function resolver(settings: Partial<HttpClientSettings>, addresses = BOTH) {
  const asked: string[] = [];
  const made = new Resolver({ ...DEFAULT_CLIENT_SETTINGS, ...settings }, (host) => {
    asked.push(host);
    return Promise.resolve(addresses);
  });
  return { asked, of: async (host: string, port = 80) => await made.resolve(host, port) };
}

describe("names to addresses", () => {
  it("keep answers for their time to live", async () => {
    const kept = resolver({ dnsTtlMs: Number.POSITIVE_INFINITY });
    await Promise.all([kept.of("a.test"), kept.of("a.test")]);
    await kept.of("a.test");
    expect(kept.asked).toEqual(["a.test"]);
    const asking = resolver({ dnsTtlMs: 0 });
    await asking.of("a.test");
    await asking.of("a.test");
    expect(asking.asked).toHaveLength(2);
  });

  it("choose by policy and selection", async () => {
    const seen = async (settings: Partial<HttpClientSettings>, times = 3): Promise<string[]> => {
      const { of } = resolver(settings);
      const all: string[] = [];
      for (let i = 0; i < times; i++) all.push((await of("a.test")).ip);
      return all;
    };
    expect(await seen({ dnsSelect: "first" })).toEqual(["10.0.0.1", "10.0.0.1", "10.0.0.1"]);
    expect(await seen({ dnsSelect: "roundRobin" })).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    expect(await seen({ dnsSelect: "first", dnsPolicy: "any" }, 1)).toEqual(["2001:db8::1"]);
    expect(await seen({ dnsSelect: "first", dnsPolicy: "onlyIPv6" }, 1)).toEqual(["2001:db8::1"]);
    expect(["10.0.0.1", "10.0.0.2"]).toContain((await seen({ dnsSelect: "random" }, 1))[0]);
    await expect(resolver({ dnsPolicy: "onlyIPv6" }, BOTH.slice(1)).of("a.test")).rejects.toMatchObject({
      errorCode: 1101,
    });
  });

  it("take hosts as they are mapped: with port, by name, by the longest wildcard", async () => {
    const { of, asked } = resolver({
      hosts: {
        "a.test": "192.0.2.1",
        "a.test:8080": "192.0.2.2:9090",
        "*.test": "192.0.2.3",
        "*.deep.test": "[2001:db8::5]:81",
        "name.test": "other.example",
      },
    });
    expect(await of("A.test")).toEqual({ ip: "192.0.2.1", port: 80 });
    expect(await of("a.test", 8080)).toEqual({ ip: "192.0.2.2", port: 9090 });
    expect(await of("b.test")).toEqual({ ip: "192.0.2.3", port: 80 });
    expect(await of("x.deep.test")).toEqual({ ip: "2001:db8::5", port: 81 });
    expect(asked).toEqual([]);
    await of("name.test");
    expect(asked).toEqual(["other.example"]);
  });

  it("refuse blocked names and blocked addresses, wherever they come from", async () => {
    const { of } = resolver({
      blockedHostnames: ["bad.test", "*.bad.example"],
      blockedRanges: ["10.0.0.0/8", "::1", "192.0.2.7"],
    });
    for (const host of ["bad.test", "BAD.test", "x.bad.example"])
      await expect(of(host)).rejects.toMatchObject({ errorCode: 1111 });
    for (const host of ["good.test", "10.255.0.1", "::1", "::ffff:10.0.0.1", "192.0.2.7"])
      await expect(of(host)).rejects.toMatchObject({ errorCode: 1110 });
    expect(await of("11.0.0.1")).toEqual({ ip: "11.0.0.1", port: 80 });
  });
});

describe("address lists", () => {
  it("stand for the addresses of ranges and networks", () => {
    expect(expandAddresses(["10.0.0.9-10.0.0.11", "10.1.0.0/30", "::1"])).toEqual([
      "10.0.0.9",
      "10.0.0.10",
      "10.0.0.11",
      "10.1.0.1",
      "10.1.0.2",
      "::1",
    ]);
    expect(() => expandAddresses(["10.0.0"])).toThrow("is no IP address");
    expect(() => parseRanges(["10.0.0.0/33"])).toThrow("is no IP address or network");
  });
});
