import { and, as, call, column, compare, descending, equals, output, select } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { type Field, fieldExists, fieldValue } from "./field.ts";
import { wasActive } from "./metric/series-lookup.ts";
import type { Question } from "./question.ts";
import { parseResource } from "./resource.ts";

/** One entry of the API's Metrics. */
export interface MetricEntry {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly description: string;
  readonly seriesCount: number;
  readonly services: readonly string[];
}

const MOST_SERVICES = 20;

/** Metrics by name, from the one after `after`. */
export async function listMetrics(
  question: Question,
  asked: {
    readonly range: TimeRange;
    readonly search: string;
    readonly service: string | undefined;
    readonly limit: number;
    readonly after: string | undefined;
  },
): Promise<{ readonly metrics: readonly MetricEntry[]; readonly next: string | null }> {
  const words = asked.search.split(/\s+/).filter((word) => word !== "");
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "series",
      time: asked.range,
      where: and(
        wasActive(asked.range),
        ...words.map((word) => equals(call("contains", column("metric_name"), { kind: "literal", value: word }), 1)),
        asked.service === undefined ? undefined : equals(column("service_name"), asked.service),
        asked.after === undefined ? undefined : compare(column("metric_name"), ">", asked.after),
      ),
      columns: [
        as("name", column("metric_name")),
        as("type", call("text", call("anyLast", column("metric_type")))),
        as("unit", call("anyLast", column("unit"))),
        as("description", call("anyLast", column("description"))),
        as("series", call("uniq", column("series_id"))),
        as("services", call("groupUniqArray", column("service_name"))),
      ],
      groupBy: ["name"],
      orderBy: [{ by: output("name"), descending: false }],
      limit: asked.limit + 1,
    }),
  );
  const type = frame.strings("type");
  const unit = frame.strings("unit");
  const description = frame.strings("description");
  const series = frame.numbers("series");
  const services = frame.lists<string>("services");
  const metrics = frame.strings("name").map((name, row) => ({
    name,
    type: type[row]!,
    unit: unit[row]!,
    description: description[row]!,
    seriesCount: series[row]!,
    services: services[row]!.toSorted().slice(0, MOST_SERVICES),
  }));
  const page = metrics.slice(0, asked.limit);
  return { metrics: page, next: metrics.length > asked.limit ? page.at(-1)!.name : null };
}

const MOST_RESOURCES = 10_000;
const MOST_LABELS = 500;

/** What a metric's series can be told apart by, as filter fields with their number of values; most values first. */
export async function listLabels(
  question: Question,
  metric: string,
  range: TimeRange,
): Promise<readonly { readonly name: string; readonly values: number }[]> {
  const where = and(equals(column("metric_name"), metric), wasActive(range));
  const attributes = await question.read(
    select({
      tenant: question.tenant,
      from: select({
        tenant: question.tenant,
        from: "series",
        time: range,
        where,
        columns: [as("pair", call("entries", column("attributes")))],
        limit: Number.MAX_SAFE_INTEGER,
      }),
      columns: [
        as("key", call("element", column("pair"), { kind: "literal", value: 1 })),
        as("values", call("uniq", call("element", column("pair"), { kind: "literal", value: 2 }))),
      ],
      groupBy: ["key"],
      orderBy: [descending(output("values"))],
      limit: MOST_LABELS,
    }),
  );
  const resources = await question.read(
    select({
      tenant: question.tenant,
      from: "series",
      time: range,
      where,
      columns: [as("resource", column("resource")), as("service", column("service_name"))],
      groupBy: ["resource", "service"],
      limit: MOST_RESOURCES,
    }),
  );
  const values = attributes.numbers("values");
  const labels = attributes.strings("key").map((key, row) => ({ name: `attributes.${key}`, values: values[row]! }));
  const found = new Map<string, Set<string>>();
  for (const resource of resources.strings("resource"))
    for (const [key, value] of parseResource(resource)) {
      const known = found.get(key) ?? new Set();
      known.add(value);
      found.set(key, known);
    }
  found.delete("service.name");
  const services = new Set(resources.strings("service"));
  return [
    ...(services.size > 0 ? [{ name: "service", values: services.size }] : []),
    ...labels,
    ...[...found].map(([key, set]) => ({ name: `resource.${key}`, values: set.size })),
  ].sort((a, b) => b.values - a.values || (a.name < b.name ? -1 : 1));
}

/** Values of one label with their number of series, commonest first.*/
export async function listLabelValues(
  question: Question,
  asked: {
    readonly metric: string;
    readonly field: Field;
    readonly range: TimeRange;
    readonly where: Predicate | undefined;
    readonly limit: number;
    readonly offset: number;
  },
): Promise<{ readonly values: readonly { readonly value: string; readonly count: number }[]; readonly more: boolean }> {
  const value = asked.field.values === undefined ? fieldValue(asked.field) : call("text", asked.field.value);
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "series",
      time: asked.range,
      where: and(
        equals(column("metric_name"), asked.metric),
        wasActive(asked.range),
        asked.where,
        fieldExists(asked.field),
      ),
      columns: [as("value", value), as("count", call("uniq", column("series_id")))],
      groupBy: ["value"],
      orderBy: [descending(output("count")), { by: output("value"), descending: false }],
      limit: asked.offset + asked.limit + 1,
    }),
  );
  const counts = frame.numbers("count");
  const values = frame.texts("value").map((each, row) => ({ value: each, count: counts[row]! }));
  return {
    values: values.slice(asked.offset, asked.offset + asked.limit),
    more: values.length > asked.offset + asked.limit,
  };
}
