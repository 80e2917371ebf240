import { describe, expect, it } from "vitest";
import { completeSql, type SqlKnown } from "./sql-completion.ts";

const table = (name: string, columns: readonly string[]): SqlKnown["schema"]["tables"][number] => ({
  name,
  comment: `rows of ${name}`,
  columns: columns.map((column) => ({ name: column, type: "LowCardinality(String)" })),
});
const KNOWN: SqlKnown = {
  schema: {
    tables: [
      table("spans", ["service_name", "duration_nano", "trace_id", "events.name", "odd name"]),
      table("logs", ["service_name", "body", "trace_id"]),
    ],
    functions: ["count", "quantile", "COVAR_POP"],
  },
  fields: ["attributes.http.route", "attributes.it's", "resource.host.name"],
};

/** Labels of those kinds at the bar in the text. */
function at(marked: string, ...kinds: readonly string[]): readonly string[] | null {
  const place = marked.indexOf("|");
  const answer = completeSql(marked.replace("|", ""), place, KNOWN, false);
  return answer === null
    ? null
    : answer.options.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind)).map(({ label }) => label);
}

describe("completion of SQL", () => {
  it("offers tables after FROM and JOIN, before a letter is typed", () => {
    expect(at("SELECT 1 FROM |")).toEqual(["spans", "logs"]);
    expect(at("SELECT 1 FROM spans JOIN lo|")).toEqual(["spans", "logs"]);
  });

  it("offers the columns of the tables that the statement names, also when FROM comes later", () => {
    expect(at("SELECT 1 FROM logs WHERE b|", "column")).toEqual(["service_name", "body", "trace_id"]);
    expect(at("SELECT dur| FROM spans", "column")).toContain("duration_nano");
    expect(at("SELECT dur| FROM spans", "column")).not.toContain("body");
    expect(at("SELECT dur| FROM logs AS l JOIN spans s ON 1", "column")).toEqual(
      expect.arrayContaining(["body", "duration_nano"]),
    );
  });

  it("offers the columns of every table while none is named, with the table they are of", () => {
    const answer = completeSql("SELECT se", 9, KNOWN, false);
    expect(answer?.options.find(({ label }) => label === "body")?.detail).toBe("String · logs");
    expect(answer?.options.filter(({ label }) => label === "service_name")).toHaveLength(1);
  });

  it("offers columns behind a table or its alias, and nothing behind what is neither", () => {
    expect(at("SELECT l.| FROM logs AS l")).toEqual(["service_name", "body", "trace_id"]);
    expect(at("SELECT l.bo| FROM logs l")).toEqual(["service_name", "body", "trace_id"]);
    expect(at("SELECT spans.| FROM spans")).toContain("duration_nano");
    expect(at("SELECT x.| FROM spans")).toBeNull();
  });

  it("keeps the tables of a query in brackets and of the one around it apart, and statements too", () => {
    expect(at("SELECT a FROM logs WHERE trace_id IN (SELECT t| FROM spans)", "column")).toContain("duration_nano");
    expect(at("SELECT a FROM logs WHERE trace_id IN (SELECT t| FROM spans)", "column")).not.toContain("body");
    expect(at("SELECT b| FROM logs WHERE trace_id IN (SELECT t FROM spans)", "column")).not.toContain("duration_nano");
    expect(at("SELECT 1 FROM spans; SELECT b| FROM logs", "column")).not.toContain("duration_nano");
  });

  it("offers attribute keys in quotes, and closes them", () => {
    expect(at("SELECT attributes['| FROM spans")).toEqual(["http.route", "it's"]);
    expect(at("SELECT resource_attributes['ho|'] FROM spans")).toEqual(["host.name"]);
    expect(completeSql("SELECT attributes['ht'] FROM spans", 21, KNOWN, false)).toMatchObject({ from: 19, behind: 2 });
    expect(completeSql("SELECT attributes['ht' FROM spans", 21, KNOWN, false)).toMatchObject({ from: 19, behind: 1 });
    const open = completeSql("SELECT attributes['", 19, KNOWN, false);
    expect(open?.options.map(({ apply }) => apply)).toEqual(["http.route']", "it\\'s']"]);
  });

  it("offers nothing in other strings, in comments, and after a space", () => {
    expect(at("SELECT 'se|'")).toBeNull();
    expect(at("SELECT 1 -- se|")).toBeNull();
    expect(at("SELECT 1 /* se|")).toBeNull();
    expect(at("SELECT 1 FROM spans |")).toBeNull();
    expect(at("SELECT 'a'|")).toBeNull();
  });

  it("writes functions as the engine spells them, and quotes what is no plain name", () => {
    const answer = completeSql("SELECT q FROM spans", 8, KNOWN, false);
    expect(answer?.options.find(({ label }) => label === "quantile")?.apply).toBe("quantile(");
    expect(answer?.options.find(({ label }) => label === "odd name")?.apply).toBe("`odd name`");
    expect(answer?.options.find(({ label }) => label === "events.name")?.apply).toBeUndefined();
    expect(answer?.options.find(({ label }) => label === "SELECT")?.kind).toBe("keyword");
  });
});
