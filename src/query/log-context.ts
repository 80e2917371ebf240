import { and, attribute, column, equals, select } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import { LOG_COLUMNS, type LogLine, parseLogId, ROW_HASH, readLines, searchLogs } from "./log-search.ts";
import type { Question } from "./question.ts";

export type ContextScope = "service" | "instance" | "trace" | "all";

export interface LinesAround {
  readonly before: readonly LogLine[];
  readonly line: LogLine;
  readonly after: readonly LogLine[];
}

/** How far from the line its neighbours are looked for. */
const AROUND_NS = 86_400_000_000_000n;

/** The lines before and after one, oldest first. Throws not-found, or bad-request where the line has no trace to follow. */
export async function readContext(
  question: Question,
  asked: { readonly id: string; readonly scope: ContextScope; readonly before: number; readonly after: number },
): Promise<LinesAround> {
  const { time, hash } = parseLogId(asked.id);
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: { fromUnixNano: time, toUnixNano: time + 1n },
      where: equals(ROW_HASH, hash),
      columns: LOG_COLUMNS,
      limit: 1,
    }),
  );
  const line = readLines(frame).lines[0];
  if (line === undefined) throw new Failure("not-found", "the log line is not stored (any more)");
  const where = scopePredicate(line, asked.scope);
  const position = { time: line.time, hash: hash.toString(), equal: 1 };
  const range = { fromUnixNano: time > AROUND_NS ? time - AROUND_NS : 0n, toUnixNano: time + AROUND_NS };
  const [before, after] = await Promise.all([
    asked.before === 0
      ? []
      : searchLogs(question, { range, where, order: "newest", limit: asked.before, after: position }).then(
          (found) => found.logs,
        ),
    asked.after === 0
      ? []
      : searchLogs(question, { range, where, order: "oldest", limit: asked.after, after: position }).then(
          (found) => found.logs,
        ),
  ]);
  return { before: before.toReversed(), line, after };
}

function scopePredicate(line: LogLine, scope: ContextScope): Predicate | undefined {
  const service = equals(column("service_name"), line.service);
  switch (scope) {
    case "all":
      return undefined;
    case "service":
      return service;
    case "trace":
      if (line.traceId === "") throw new Failure("bad-request", "scope: the line belongs to no trace");
      return equals(column("trace_id"), line.traceId);
    case "instance": {
      const key = ["service.instance.id", "k8s.pod.name", "host.name"].find(
        (name) => line.resource[name] !== undefined,
      );
      return key === undefined
        ? service
        : and(service, equals(attribute("resource_attributes", key), line.resource[key]!));
    }
  }
}
