import { z } from "zod";
import { type FilteredSignal, resolveField } from "#query/field.ts";
import type { Filter } from "./contract/filter.ts";
import { integer, RANGE_PARAMETERS } from "./parameters.ts";

/** Free text over log bodies. */
export const TEXT_PARAMETER = {
  text: z
    .string()
    .max(2000)
    .default("")
    .describe('Words that must all occur, "a phrase", -word that must not; any case.'),
};

export const HISTOGRAM_PARAMETERS = {
  ...RANGE_PARAMETERS,
  buckets: integer(1, 500).default(60).describe("At most this many; each is a round length of time."),
};

export const FACET_PARAMETERS = {
  ...RANGE_PARAMETERS,
  field: z.string().max(600).describe("A filter field."),
  limit: integer(1, 200).default(12).describe("Values, commonest first."),
};

/** The filters without those on the facet's own field, whose values are all to be seen. */
export function withoutField(signal: FilteredSignal, filters: readonly Filter[], field: string): readonly Filter[] {
  return filters.filter((filter) => resolveField(signal, filter.field).name !== field);
}
