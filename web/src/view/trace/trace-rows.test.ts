import { describe, expect, it } from "vitest";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { findSpans, foldKey, linesOf, reveal, segmentsBySpan, treeOf } from "./trace-rows.ts";

/** A trace from lines `depth service name`, in tree order. */
function traceOf(...lines: readonly string[]): Trace {
  const services: string[] = [];
  const names: string[] = [];
  const at = (list: string[], value: string): number => {
    if (!list.includes(value)) list.push(value);
    return list.indexOf(value);
  };
  const parsed = lines.map((line) => {
    const [depth, service, ...name] = line.split(" ");
    return { depth: Number(depth), service: at(services, service!), name: at(names, name.join(" ")) };
  });
  const parent = parsed.map(({ depth }, i) => {
    if (depth === 0) return -1;
    for (let j = i - 1; j >= 0; j--) if (parsed[j]!.depth === depth - 1) return j;
    return -2;
  });
  const zeros = parsed.map(() => 0);
  return {
    traceId: "t",
    time: "0",
    durationNs: 100,
    services,
    names,
    spanId: parsed.map((_, i) => `span${i}`),
    parent,
    depth: parsed.map(({ depth }) => depth),
    service: parsed.map(({ service }) => service),
    name: parsed.map(({ name }) => name),
    kind: zeros,
    status: zeros,
    offsetNs: zeros,
    durationsNs: zeros,
    selfNs: zeros,
    events: zeros.map(() => []),
    logCount: zeros,
    criticalPath: { segments: [], note: null },
    truncated: false,
    statistics: { elapsedMs: 0, rowsRead: 0, bytesRead: 0, partial: false },
  };
}

const CLOSED = { closed: new Set<number>(), unfolded: new Set<string>() };
const selects = Array.from({ length: 7 }, () => "2 db SELECT");
const trace = traceOf(
  "0 gateway GET /",
  "1 cart load",
  ...selects.slice(0, 3),
  "2 db COMMIT",
  ...selects.slice(3),
  "1 catalogue list",
);
const shown = (t: Trace, openness = CLOSED): string[] =>
  linesOf(t, treeOf(t), openness).map((line) =>
    line.kind === "span"
      ? `${"  ".repeat(line.depth)}${t.names[t.name[line.index]!]}`
      : `${"  ".repeat(line.depth)}${t.names[t.name[line.members[0]!]!]} ×${line.members.length}`,
  );

describe("waterfall rows", () => {
  it("folds siblings alike where the first of them stood", () => {
    expect(shown(trace)).toEqual(["GET /", "  load", "    SELECT ×7", "    COMMIT", "  list"]);
  });

  it("leaves few alike unfolded", () => {
    const few = traceOf("0 a root", "1 a x", "1 a x", "1 a x", "1 a x");
    expect(shown(few)).toEqual(["root", "  x", "  x", "  x", "  x"]);
  });

  it("does not fold the same name of another service", () => {
    const mixed = traceOf(
      "0 a root",
      ...Array.from({ length: 4 }, () => "1 b x"),
      ...Array.from({ length: 5 }, () => "1 c x"),
    );
    expect(shown(mixed)).toEqual(["root", "  x", "  x", "  x", "  x", "  x ×5"]);
  });

  it("unfolds, one deeper, and closes", () => {
    const key = foldKey(trace, 1, 2);
    expect(
      shown(trace, { closed: new Set(), unfolded: new Set([key]) }).filter((line) => line === "      SELECT"),
    ).toHaveLength(7);
    expect(shown(trace, { closed: new Set([1]), unfolded: new Set() })).toEqual(["GET /", "  load", "  list"]);
  });

  it("reveals a span that is folded and closed away", () => {
    const tree = treeOf(trace);
    const openness = reveal(trace, tree, 9, { closed: new Set([0, 1]), unfolded: new Set() });
    expect(linesOf(trace, tree, openness).some((line) => line.kind === "span" && line.index === 9)).toBe(true);
  });

  it("shows spans whose parent is missing, and every span exactly once", () => {
    const orphan = traceOf("0 a root", "3 b lost", "1 a child");
    expect(treeOf(orphan).roots).toEqual([0, 1]);
    expect(shown(orphan)).toEqual(["root", "  child", "lost"]);
    const all = linesOf(trace, treeOf(trace), CLOSED).flatMap((line) =>
      line.kind === "span" ? [line.index] : line.members,
    );
    expect([...all].sort((a, b) => a - b)).toEqual(trace.spanId.map((_, i) => i));
  });

  it("counts what is below", () => {
    expect([...treeOf(trace).below]).toEqual([10, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("survives a trace ten thousand deep", () => {
    const deep = traceOf(...Array.from({ length: 10_000 }, (_, i) => `${i} a x`));
    expect(linesOf(deep, treeOf(deep), CLOSED)).toHaveLength(10_000);
  });

  it("finds by service, name and id", () => {
    expect(findSpans(trace, "commit")).toEqual([5]);
    expect(findSpans(trace, "DB")).toHaveLength(8);
    expect(findSpans(trace, "span10")).toEqual([10]);
    expect(findSpans(trace, " ")).toEqual([]);
  });

  it("gathers critical segments by span", () => {
    const critical = {
      ...trace,
      criticalPath: {
        segments: [
          [0, 0, 5],
          [1, 5, 9],
          [0, 9, 10],
        ] as const,
        note: null,
      },
    };
    expect([...segmentsBySpan(critical)]).toEqual([
      [
        0,
        [
          [0, 5],
          [9, 10],
        ],
      ],
      [1, [[5, 9]]],
    ]);
  });
});
