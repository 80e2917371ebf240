import { as, ascending, call, column, output, select } from "#plan/expression.ts";
import type { TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";

const MOST_SERVICES = 1000;

/** Services that sent spans in a range, in the order they were first seen in it (to the minute, then by name). */
export async function listServicesBySight(question: Question, time: TimeRange): Promise<readonly string[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "span_stats",
      time,
      columns: [as("service", column("service_name")), as("first", call("min", column("time")))],
      groupBy: ["service"],
      orderBy: [ascending(output("first")), ascending(output("service"))],
      limit: MOST_SERVICES,
    }),
  );
  return frame.strings("service");
}
