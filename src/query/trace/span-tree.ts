/** Spans of one trace as the tree sees them: what stands in one array belongs to one span. */
export interface TreeSpans {
  readonly spanId: readonly string[];
  readonly parentSpanId: readonly string[];
  /** Nanoseconds from any common start. */
  readonly start: readonly number[];
  /** 2 is a server's span; tells apart two spans that share an id. */
  readonly kind: readonly number[];
}

export const NO_PARENT = -1;
export const MISSING_PARENT = -2;

export interface SpanTree {
  /** Indices of the spans given, in tree order: parents before children, siblings by start. */
  readonly order: readonly number[];
  /** By position in `order`: position of the parent, NO_PARENT for a root, MISSING_PARENT where the parent is not here. */
  readonly parent: readonly number[];
  readonly depth: readonly number[];
}

/**
 * Puts spans in tree order. Whatever was sent comes out once and without recursion: a span whose parent is not here stands as
 * a root of its own, two spans of one id keep one parent's children together, and a circle of parents is cut at its earliest.
 */
export function orderSpanTree(spans: TreeSpans): SpanTree {
  const count = spans.spanId.length;
  const byId = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const id = spans.spanId[index]!;
    const known = byId.get(id);
    if (known === undefined || (spans.kind[known] !== 2 && spans.kind[index] === 2)) byId.set(id, index);
  }
  const parentOf = new Int32Array(count);
  const children: number[][] = Array.from({ length: count }, () => []);
  const tops: number[] = [];
  for (let index = 0; index < count; index++) {
    const id = spans.parentSpanId[index]!;
    const parent = id === "" ? NO_PARENT : (byId.get(id) ?? MISSING_PARENT);
    parentOf[index] = parent === index ? MISSING_PARENT : parent;
    if (parentOf[index]! < 0) tops.push(index);
    else children[parent]!.push(index);
  }
  const earlier = (a: number, b: number): number =>
    spans.start[a]! - spans.start[b]! || (spans.spanId[a]! < spans.spanId[b]! ? -1 : 1);
  for (const list of children) list.sort(earlier);
  tops.sort(earlier);

  const order: number[] = [];
  const parent: number[] = [];
  const depth: number[] = [];
  const position = new Int32Array(count).fill(-1);
  const visit = (top: number): void => {
    const stack = [top];
    while (stack.length > 0) {
      const index = stack.pop()!;
      if (position[index] !== -1) continue;
      const above = parentOf[index]!;
      position[index] = order.length;
      order.push(index);
      parent.push(above < 0 ? above : position[above]!);
      depth.push(above < 0 ? 0 : depth[position[above]!]! + 1);
      for (const child of children[index]!.toReversed()) stack.push(child);
    }
  };
  for (const top of tops) visit(top);
  if (order.length < count) {
    const circular = Array.from({ length: count }, (_, index) => index)
      .filter((index) => position[index] === -1)
      .sort(earlier);
    for (const index of circular) {
      if (position[index] !== -1) continue;
      parentOf[index] = MISSING_PARENT;
      visit(index);
    }
  }
  return { order, parent, depth };
}
