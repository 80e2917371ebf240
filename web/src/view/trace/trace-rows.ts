import type { Trace } from "../../../../src/api/contract/shapes.ts";

/**
 * The rows of a waterfall. Spans come in tree order as columns; a row is a span or a fold, which stands for siblings of the
 * same service and name: "SELECT ×212". Folding keeps order: the fold stands where its first member stood.
 */
export type TraceLine =
  | {
      readonly kind: "span";
      readonly index: number;
      readonly depth: number;
      readonly children: number;
      readonly open: boolean;
    }
  | {
      readonly kind: "fold";
      /** Names the fold across renders: parent, service and name. */
      readonly key: string;
      readonly depth: number;
      readonly members: readonly number[];
      readonly open: boolean;
    };

/** As many siblings alike as are folded together. */
export const FOLD_FROM = 5;

export interface TraceTree {
  /** Children of each span in tree order; roots and spans with a missing parent under `roots`. */
  readonly children: readonly (readonly number[])[];
  readonly roots: readonly number[];
  /** Spans below each span. */
  readonly below: Uint32Array;
}

export function treeOf(trace: Trace): TraceTree {
  const count = trace.spanId.length;
  const children: number[][] = Array.from({ length: count }, () => []);
  const roots: number[] = [];
  for (let i = 0; i < count; i++) {
    const parent = trace.parent[i]!;
    if (parent >= 0 && parent < count && parent !== i) children[parent]!.push(i);
    else roots.push(i);
  }
  const below = new Uint32Array(count);
  // Tree order: a parent stands before its children, so one pass from the end sums up.
  for (let i = count - 1; i >= 0; i--) {
    const parent = trace.parent[i]!;
    if (parent >= 0 && parent < i) below[parent] = below[parent]! + below[i]! + 1;
  }
  return { children, roots, below };
}

export interface Openness {
  /** Spans whose children are hidden. */
  readonly closed: ReadonlySet<number>;
  /** Keys of folds whose members are shown. */
  readonly unfolded: ReadonlySet<string>;
}

export function foldKey(trace: Trace, parent: number, index: number): string {
  return `${parent}:${trace.service[index]}:${trace.name[index]}`;
}

/** Rows in sight order. Not recursive: a trace may be ten thousand deep. */
export function linesOf(trace: Trace, tree: TraceTree, { closed, unfolded }: Openness): TraceLine[] {
  const lines: TraceLine[] = [];
  type Pending = { readonly line: TraceLine; readonly next: number | null };
  const stack: Pending[] = [];
  const push = (parent: number, siblings: readonly number[], depth: number): void => {
    const planned: Pending[] = [];
    const groups = new Map<string, number[]>();
    if (siblings.length >= FOLD_FROM)
      for (const index of siblings) {
        const key = foldKey(trace, parent, index);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [index]);
        else group.push(index);
      }
    const span = (index: number, at: number): Pending => {
      const open = !closed.has(index);
      const count = tree.children[index]!.length;
      return {
        line: { kind: "span", index, depth: at, children: count, open },
        next: open && count > 0 ? index : null,
      };
    };
    for (const index of siblings) {
      const key = foldKey(trace, parent, index);
      const group = groups.get(key);
      if (group === undefined || group.length < FOLD_FROM) planned.push(span(index, depth));
      else if (group[0] === index) {
        const open = unfolded.has(key);
        planned.push({ line: { kind: "fold", key, depth, members: group, open }, next: null });
        if (open) for (const member of group) planned.push(span(member, depth + 1));
      }
    }
    for (let i = planned.length - 1; i >= 0; i--) stack.push(planned[i]!);
  };
  push(-1, tree.roots, 0);
  for (let pending = stack.pop(); pending !== undefined; pending = stack.pop()) {
    lines.push(pending.line);
    if (pending.next !== null) push(pending.next, tree.children[pending.next]!, pending.line.depth + 1);
  }
  return lines;
}

/** What must be open for a span to be in sight. */
export function reveal(trace: Trace, tree: TraceTree, index: number, openness: Openness): Openness {
  const closed = new Set(openness.closed);
  const unfolded = new Set(openness.unfolded);
  for (let at = index; at >= 0; ) {
    const parent = trace.parent[at]!;
    if (parent >= 0) closed.delete(parent);
    const siblings = parent >= 0 ? tree.children[parent]! : tree.roots;
    const key = foldKey(trace, parent >= 0 ? parent : -1, at);
    if (siblings.filter((other) => foldKey(trace, parent >= 0 ? parent : -1, other) === key).length >= FOLD_FROM)
      unfolded.add(key);
    at = parent;
  }
  return { closed, unfolded };
}

/** Critical segments by span: [start, end] pairs in ns from the trace's start. */
export function segmentsBySpan(trace: Trace): ReadonlyMap<number, readonly (readonly [number, number])[]> {
  const map = new Map<number, [number, number][]>();
  for (const [index, start, end] of trace.criticalPath.segments) {
    const list = map.get(index);
    if (list === undefined) map.set(index, [[start, end]]);
    else list.push([start, end]);
  }
  return map;
}

/** Spans whose service, name or id contains the words. */
export function findSpans(trace: Trace, words: string): readonly number[] {
  const needle = words.trim().toLowerCase();
  if (needle === "") return [];
  const services = trace.services.map((text) => text.toLowerCase().includes(needle));
  const names = trace.names.map((text) => text.toLowerCase().includes(needle));
  const found: number[] = [];
  for (let i = 0; i < trace.spanId.length; i++)
    if (services[trace.service[i]!] || names[trace.name[i]!] || trace.spanId[i]!.startsWith(needle)) found.push(i);
  return found;
}
