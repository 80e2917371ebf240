import { and, as, attribute, call, column, equals, select } from "#plan/expression.ts";
import type { TimeRange } from "#plan/select.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { later, unixMs } from "./time.ts";

/** One row of the API's Deploys. */
export interface Deploy {
  readonly service: string;
  readonly version: string;
  readonly previous: string | null;
  readonly timeMs: number;
}

const DAY_NS = 86_400_000_000_000n;
const MOST_VERSIONS = 10_000;
const VERSION = attribute("resource_attributes", "service.version");

/**
 * First sights of a version of a service within a range, oldest first. A day before the range is read too, to know what ran
 * already. The resource is one value for thousands of rows, so that only it and times are read.
 */
export async function findDeploys(question: Question, range: TimeRange, service?: string): Promise<readonly Deploy[]> {
  const known: TimeRange = { ...range, fromUnixNano: later(0n, range.fromUnixNano - DAY_NS) };
  const [spans, logs] = await Promise.all([
    readVersions(question, "spans", "start_time", known, service),
    readVersions(question, "logs", "time", known, service),
  ]);
  const firstOf = new Map<string, Map<string, bigint>>();
  for (const frame of [spans, logs]) {
    const versions = frame.strings("version");
    const firsts = frame.strings("first");
    for (const [row, name] of frame.strings("service").entries()) {
      const of = firstOf.get(name) ?? new Map<string, bigint>();
      firstOf.set(name, of);
      const first = BigInt(firsts[row]!);
      const before = of.get(versions[row]!);
      if (before === undefined || first < before) of.set(versions[row]!, first);
    }
  }
  const deploys = [...firstOf].flatMap(([name, versions]) => {
    const ordered = [...versions].sort(([, a], [, b]) => (a < b ? -1 : 1));
    return ordered.flatMap(([version, first], index) =>
      first < range.fromUnixNano
        ? []
        : [{ service: name, version, previous: ordered[index - 1]?.[0] ?? null, timeMs: unixMs(first) }],
    );
  });
  return deploys.sort((a, b) => a.timeMs - b.timeMs || (a.service < b.service ? -1 : 1));
}

async function readVersions(
  question: Question,
  from: "spans" | "logs",
  timeColumn: string,
  range: TimeRange,
  service: string | undefined,
): Promise<Frame> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from,
      time: range,
      where: and(
        { kind: "exists", left: VERSION },
        service === undefined ? undefined : equals(column("service_name"), service),
      ),
      columns: [
        as("service", column("service_name")),
        as("version", VERSION),
        as("first", call("unixNanoText", call("min", column(timeColumn)))),
      ],
      groupBy: ["service", "version"],
      limit: MOST_VERSIONS,
    }),
  );
  if (frame.rowCount === MOST_VERSIONS) question.markPartial();
  return frame;
}
