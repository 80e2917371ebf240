import { describe, expect, it } from "vitest";
import { stageOf, suggestionsFor } from "./query-completion.ts";

const known = {
  fields: [
    { field: "attributes.http.route", count: 1200 },
    { field: "resource.service.version", count: 900 },
  ],
  values: [
    { value: "checkout", count: 40 },
    { value: "cart, eu", count: 7 },
  ],
};
const titles = (text: string): string[] => suggestionsFor(text, "spans", known).map(({ title }) => title);

describe("query completion", () => {
  it.each([
    ["", "field", ""],
    ["serv", "field", "serv"],
    ["service ", "operator", ""],
    ["service !", "operator", ""],
    ["service no", "operator", "no"],
    ["service =", "value", ""],
    ["service = che", "value", "che"],
    ["service in a,b", "value", "b"],
    ["connection refused", "field", "connection refused"],
  ])("knows the stage of %j", (text, at, partial) => {
    const stage = stageOf(text);
    if (at === "operator" && text.endsWith("!")) expect(stage).toMatchObject({ at, partial: "!" });
    else expect(stage).toMatchObject({ at, partial });
  });

  it("offers fields, then operators, then values", () => {
    expect(titles("route")).toEqual(["attributes.http.route", "Name contains “route”"]);
    expect(titles("version")[0]).toBe("resource.service.version");
    expect(titles("service n")).toEqual(["service not in", "service not exists"]);
    expect(titles("service = ch")).toEqual(["service = ch", "checkout"]);
    expect(titles("status = ")).toContain("error");
  });

  it("makes filters that hold what was chosen, quoted where it must be", () => {
    const take = suggestionsFor("service = cart", "spans", known).find(({ title }) => title === "cart, eu")!.take;
    expect(take).toEqual({ kind: "filter", filter: 'service = "cart, eu"' });
    const several = suggestionsFor("service in checkout,car", "spans", known).find(
      ({ title }) => title === "cart, eu",
    )!.take;
    expect(several).toEqual({ kind: "filter", filter: 'service in checkout,"cart, eu"' });
  });

  it("opens a pasted trace id", () => {
    expect(suggestionsFor("0af7651916cd43dd8448eb211c80319c", "logs", known)[0]!.take).toEqual({
      kind: "trace",
      traceId: "0af7651916cd43dd8448eb211c80319c",
    });
  });
});
