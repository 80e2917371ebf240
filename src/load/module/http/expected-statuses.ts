/** Which statuses count as expected: plain data. */
export class ExpectedStatuses {
  readonly ranges: readonly StatusRange[];

  constructor(ranges: readonly StatusRange[]) {
    this.ranges = ranges;
  }
}

export interface StatusRange {
  readonly min: number;
  readonly max: number;
}

export const DEFAULT_EXPECTED = new ExpectedStatuses([{ min: 200, max: 399 }]);

/** `http.expectedStatuses(200, { min: 300, max: 399 })`. */
export function expectedStatuses(...statuses: unknown[]): ExpectedStatuses {
  if (statuses.length === 0) throw new Error("no arguments");
  return new ExpectedStatuses(
    statuses.map((status, index) => {
      if (Number.isInteger(status)) return { min: status as number, max: status as number };
      const { min, max } = (status ?? {}) as { readonly min?: unknown; readonly max?: unknown };
      if (!Number.isInteger(min) || !Number.isInteger(max))
        throw new Error(
          `argument number ${index + 1} to expectedStatuses was neither an integer nor an object like {min:100, max:329}`,
        );
      return { min: min as number, max: max as number };
    }),
  );
}

export function isExpected(expected: ExpectedStatuses, status: number): boolean {
  for (const { min, max } of expected.ranges) if (status >= min && status <= max) return true;
  return false;
}
