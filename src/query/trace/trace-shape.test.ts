import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { criticalPath } from "./critical-path.ts";
import { selfTimes } from "./self-time.ts";
import { orderSpanTree, type TreeSpans } from "./span-tree.ts";

/** id, parent, start, duration. */
type Row = readonly [id: string, parent: string, start: number, duration: number];

function shape(rows: readonly Row[]) {
  const spans: TreeSpans & { duration: readonly number[] } = {
    spanId: rows.map(([id]) => id),
    parentSpanId: rows.map(([, parent]) => parent),
    start: rows.map(([, , start]) => start),
    kind: rows.map(() => 1),
    duration: rows.map(([, , , duration]) => duration),
  };
  const tree = orderSpanTree(spans);
  const timed = {
    parent: tree.parent,
    start: tree.order.map((index) => spans.start[index]!),
    duration: tree.order.map((index) => spans.duration[index]!),
  };
  return {
    ids: tree.order.map((index) => spans.spanId[index]!),
    tree,
    timed,
    self: selfTimes(timed),
    path: criticalPath(timed),
  };
}

/** Segments as `id from..to`. */
const printed = (rows: readonly Row[]): string[] => {
  const { ids, path } = shape(rows);
  return path.segments.map(([span, from, to]) => `${ids[span]} ${from}..${to}`);
};

describe("orderSpanTree", () => {
  it("puts parents first and siblings by start, whatever the order of arrival", () => {
    const { ids, tree } = shape([
      ["d", "b", 30, 5],
      ["c", "a", 50, 10],
      ["a", "", 0, 100],
      ["b", "a", 20, 20],
    ]);
    expect(ids).toEqual(["a", "b", "d", "c"]);
    expect(tree.parent).toEqual([-1, 0, 1, 0]);
    expect(tree.depth).toEqual([0, 1, 2, 1]);
  });

  it("draws missing parents, circles and shared ids as such", () => {
    const { ids, tree } = shape([
      ["a", "gone", 5, 1],
      ["b", "", 1, 1],
      ["x", "y", 3, 1],
      ["y", "x", 2, 1],
      ["s", "s", 9, 1],
    ]);
    expect(ids).toEqual(["b", "a", "s", "y", "x"]);
    expect(tree.parent).toEqual([-1, -2, -2, -2, 3]);
    const shared = orderSpanTree({
      spanId: ["r", "h", "h", "c"],
      parentSpanId: ["", "r", "r", "h"],
      start: [0, 1, 2, 3],
      kind: [2, 3, 2, 1],
    });
    // The child hangs on the server's of the two that share an id.
    expect(shared.order[shared.parent[3]!]).toBe(2);
  });

  it("shows every span once and is a forest, for any parents at all", () => {
    const id = fc.integer({ min: 0, max: 12 }).map(String);
    const parent = fc.oneof(id, fc.constant(""), fc.constant("gone"));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(id, parent, fc.integer({ min: 0, max: 20 }), fc.integer({ min: -5, max: 30 })), {
          maxLength: 25,
        }),
        (rows) => {
          const { tree, self, path, timed } = shape(rows);
          expect(tree.order.toSorted((a, b) => a - b)).toEqual(rows.map((_, index) => index));
          for (const [position, above] of tree.parent.entries()) {
            expect(above).toBeLessThan(position);
            expect(tree.depth[position]).toBe(above < 0 ? 0 : tree.depth[above]! + 1);
            expect(self[position]).toBeGreaterThanOrEqual(0);
            expect(self[position]).toBeLessThanOrEqual(Math.max(0, timed.duration[position]!));
          }
          for (const [index, [span, from, to]] of path.segments.entries()) {
            expect(from).toBeLessThan(to);
            expect(from).toBeGreaterThanOrEqual(timed.start[span]!);
            expect(to).toBeLessThanOrEqual(timed.start[span]! + timed.duration[span]!);
            if (index > 0) expect(from).toBe(path.segments[index - 1]![2]);
          }
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  it("takes a chain of 100,000 spans", () => {
    const rows = Array.from(
      { length: 100_000 },
      (_, index): Row => [`${index}`, index === 0 ? "" : `${index - 1}`, index, 300_000 - 2 * index],
    );
    const { tree, path } = shape(rows);
    expect(tree.depth.at(-1)).toBe(99_999);
    expect(path.segments.length).toBeGreaterThan(100_000);
  });
});

describe("selfTimes", () => {
  it("counts overlapping children once, and only within their parent", () => {
    const { self } = shape([
      ["a", "", 0, 100],
      ["b", "a", 10, 30],
      ["c", "a", 20, 40],
      ["d", "a", 90, 50],
      ["e", "a", -20, 10],
    ]);
    // 10..60 and 90..100 are covered.
    expect(self).toEqual([40, 10, 30, 40, 50]);
  });
});

describe("criticalPath", () => {
  it("goes back from the end, through the child that finished last", () => {
    expect(
      printed([
        ["root", "", 0, 100],
        ["a", "root", 10, 30],
        ["b", "root", 35, 50],
        ["c", "b", 40, 20],
      ]),
    ).toEqual(["root 0..35", "b 35..40", "c 40..60", "b 60..85", "root 85..100"]);
  });

  it("takes of children one after the other all, of those at once the last", () => {
    expect(
      printed([
        ["root", "", 0, 100],
        ["one", "root", 0, 40],
        ["two", "root", 40, 60],
        ["beside", "root", 50, 20],
      ]),
    ).toEqual(["one 0..40", "two 40..100"]);
  });

  it("cuts a child that outlives its parent, leaves out what began afterwards, and says so", () => {
    const rows: Row[] = [
      ["root", "", 0, 100],
      ["late", "root", 60, 90],
      ["queued", "root", 150, 30],
    ];
    expect(printed(rows)).toEqual(["root 0..60", "late 60..100"]);
    expect(shape(rows).path.note).toContain("1 span began after the parent ended");
  });

  it("says when there is none", () => {
    expect(shape([["a", "gone", 0, 1]]).path).toMatchObject({
      segments: [],
      note: expect.stringContaining("root span is missing"),
    });
    expect(
      shape([
        ["a", "", 0, 1],
        ["b", "", 0, 1],
      ]).path.note,
    ).toContain("2 roots");
  });
});
