import { selfTimes } from "./self-time.ts";
import { orderSpanTree } from "./span-tree.ts";

/** The spans of one trace as they are compared: only who calls whom, and for how long. */
export interface ComparableSpans {
  readonly spanId: readonly string[];
  readonly parentSpanId: readonly string[];
  readonly service: readonly string[];
  readonly name: readonly string[];
  readonly kind: readonly number[];
  /** Nanoseconds from any common start. */
  readonly start: readonly number[];
  readonly duration: readonly number[];
}

/** Spans of a trace that stand at the same place: reached through the same services and names. */
export interface PathGroup {
  readonly path: readonly string[];
  readonly service: string;
  readonly name: string;
  readonly count: number;
  readonly selfNs: number;
  readonly spanIds: readonly string[];
}

const DEEPEST = 200;

/** A trace as its paths, in tree order. Siblings of one name are one path with a count. */
export function tracePaths(spans: ComparableSpans): ReadonlyMap<string, PathGroup> {
  const tree = orderSpanTree(spans);
  const pick = <T>(values: readonly T[]): T[] => tree.order.map((index) => values[index]!);
  const service = pick(spans.service);
  const name = pick(spans.name);
  const id = pick(spans.spanId);
  const self = selfTimes({ parent: tree.parent, start: pick(spans.start), duration: pick(spans.duration) });
  const keys: string[] = [];
  const groups = new Map<string, { -readonly [key in keyof PathGroup]: PathGroup[key] } & { spanIds: string[] }>();
  for (const [position, parent] of tree.parent.entries()) {
    if (tree.depth[position]! > DEEPEST) {
      keys.push(keys[parent]!);
      continue;
    }
    const step = `${service[position]}: ${name[position]}`;
    const above = parent < 0 ? undefined : groups.get(keys[parent]!);
    const path = above === undefined ? [step] : [...above.path, step];
    const key = JSON.stringify(path);
    keys.push(key);
    const group = groups.get(key);
    if (group === undefined)
      groups.set(key, {
        path,
        service: service[position]!,
        name: name[position]!,
        count: 1,
        selfNs: self[position]!,
        spanIds: [id[position]!],
      });
    else {
      group.count++;
      group.selfNs += self[position]!;
      group.spanIds.push(id[position]!);
    }
  }
  return groups;
}
