import { z } from "zod";
import type { TimeRange } from "#plan/select.ts";
import { decodeCursor, encodeCursor, fingerprint } from "./cursor.ts";
import { rangeOf } from "./parameters.ts";

const nanoseconds = z.string().regex(/^\d{1,19}$/);

/** The asked page: its range, pinned by the cursor so that `now` does not move under it, and the position it goes on from. */
export interface AskedPage<Position> {
  readonly range: TimeRange;
  readonly after: Position | undefined;
  /** The cursor of the following page. */
  next(position: Position | null): string | null;
}

/** `named` is everything that decides which rows come in which order, the tenant included. */
export function readPage<Position>(
  query: { readonly from?: string | undefined; readonly to?: string | undefined; readonly cursor?: string | undefined },
  named: readonly (string | number | undefined)[],
  position: z.ZodType<Position>,
  nowUnixNano: bigint,
): AskedPage<Position> {
  const name = fingerprint([query.from, query.to, ...named]);
  const cursor =
    query.cursor === undefined
      ? undefined
      : decodeCursor(name, query.cursor, z.object({ from: nanoseconds, to: nanoseconds, at: position }));
  const range =
    cursor === undefined
      ? rangeOf(query, nowUnixNano)
      : { fromUnixNano: BigInt(cursor.from), toUnixNano: BigInt(cursor.to) };
  return {
    range,
    after: cursor?.at as Position | undefined,
    next: (at) =>
      at === null ? null : encodeCursor(name, { from: `${range.fromUnixNano}`, to: `${range.toUnixNano}`, at }),
  };
}
