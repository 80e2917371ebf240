import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { and, as, attribute, call, column, equals, isIn, literal, output, select, test } from "#plan/expression.ts";
import { FUNCTIONS } from "#plan/functions.ts";
import { restrict } from "#plan/restrict.ts";
import type { Select } from "#plan/select.ts";
import { compileSelect } from "./compile.ts";

const spans = (parts: Partial<Parameters<typeof select>[0]>): Select =>
  select({ tenant: "a", from: "spans", columns: [as("name", column("name"))], limit: 1, ...parts });

describe("compileSelect", () => {
  it("never lets a value into the SQL", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), fc.string(), (text, key) => {
        const marked = `⟦${text}⟧`;
        const compiled = compileSelect(
          spans({
            tenant: marked,
            where: and(
              equals(attribute("attributes", `⟦${key}⟧`), marked),
              isIn(column("name"), [marked, "b"]),
              { kind: "match", left: column("name"), pattern: marked },
              { kind: "phrase", left: column("name"), text: marked },
              equals(call("concat", literal(marked), column("name")), marked),
            ),
          }),
        );
        expect(compiled.sql).not.toMatch(/[⟦⟧]/);
        expect(JSON.stringify(compiled.parameters)).toContain("⟦");
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it("binds a value that is asked for twice once", () => {
    const { parameters } = compileSelect(
      spans({ where: and(equals(column("name"), "x"), equals(column("span_id"), "x")) }),
    );
    expect(Object.values(parameters)).toEqual(["a", "x"]);
  });

  it.each([
    ["a column that is not there", spans({ columns: [as("x", column("password"))] })],
    ["a column with SQL in it", spans({ columns: [as("x", column("name` FROM logs --"))] })],
    ["a function that is not on the list", spans({ columns: [as("x", call("file", literal("/etc/passwd")))] })],
    ["a function of every object", spans({ columns: [as("x", call("constructor"))] })],
    ["too many arguments", spans({ columns: [as("x", call("count", column("name")))] })],
    ["a limit that is none", spans({ limit: Number.NaN })],
    ["a negative limit", spans({ limit: -1 })],
    ["an output that is not there", spans({ orderBy: [{ by: output("y"), descending: false }] })],
    ["a list of several types", spans({ where: isIn(column("name"), ["a", 1]) })],
    ["an inner Select of another tenant", spans({ from: spans({ tenant: "b" }), columns: [as("n", column("name"))] })],
    [
      "a condition that asks as another tenant",
      spans({ where: { kind: "in-select", left: column("name"), select: spans({ tenant: "b" }) } }),
    ],
    ["a time range outside of the table's", spans({ from: spans({}), time: { fromUnixNano: 0n, toUnixNano: 1n } })],
  ])("refuses %s", (_, wrong) => expect(() => compileSelect(wrong)).toThrow());

  it("writes every function of the list with a fixed number of arguments at least once", () => {
    for (const [name, { arity, sql }] of Object.entries(FUNCTIONS)) {
      const count = typeof arity === "number" ? arity : arity[0];
      const args = Array.from({ length: count }, (_, index) => `⟨${index}⟩`);
      const text = sql(...args);
      for (const arg of args) expect(text, name).toContain(arg);
    }
  });
});

describe("restrict", () => {
  it("reaches every Select, wherever it stands", () => {
    const asked = spans({
      tenant: "evil",
      from: spans({
        tenant: "evil",
        where: { kind: "not", of: { kind: "in-select", left: column("name"), select: spans({ tenant: "evil" }) } },
      }),
      columns: [
        as("x", test({ kind: "in-select", left: column("name"), select: spans({ tenant: "evil" }) })),
        as("y", call("count")),
      ],
      having: {
        kind: "in-select",
        left: output("y"),
        select: spans({ tenant: "evil", columns: [as("n", column("duration_nano"))] }),
      },
    });
    const { parameters } = compileSelect(restrict(asked, "mine"));
    expect(Object.values(parameters)).toEqual(["mine"]);
  });
});
