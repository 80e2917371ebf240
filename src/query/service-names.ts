import { as, call, column, output, select } from "#plan/expression.ts";
import type { Question } from "./question.ts";
import { wholeMinutes } from "./time.ts";

const HOURS_NS = 6n * 3_600_000_000_000n;
const MOST_SERVICES = 1000;

/** Services that sent spans or logs within the last hours, those seen first first. */
export async function recentServices(question: Question): Promise<readonly string[]> {
  const time = wholeMinutes({ fromUnixNano: question.nowUnixNano - HOURS_NS, toUnixNano: question.nowUnixNano });
  const first = new Map<string, number>();
  for (const from of ["span_stats", "log_stats"] as const) {
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from,
        time,
        columns: [as("service", column("service_name")), as("first", call("unixNano", call("min", column("time"))))],
        groupBy: ["service"],
        orderBy: [
          { by: output("first"), descending: false },
          { by: output("service"), descending: false },
        ],
        limit: MOST_SERVICES,
      }),
    );
    const times = frame.numbers("first");
    for (const [row, service] of frame.strings("service").entries())
      first.set(service, Math.min(first.get(service) ?? Number.POSITIVE_INFINITY, times[row]!));
  }
  return [...first].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1)).map(([service]) => service);
}
