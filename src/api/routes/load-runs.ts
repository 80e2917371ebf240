import { z } from "zod";
import { compareRuns } from "#load/run-comparison.ts";
import type { RunRecord } from "#load/run-record.ts";
import { Failure } from "#runtime/failure.ts";
import type { DocumentKey, Documents } from "#state/documents.ts";
import type { LoadRunHead, LoadRuns } from "../contract/shapes.ts";
import { decodeCursor, encodeCursor, fingerprint } from "../cursor.ts";
import { pageParameters } from "../parameters.ts";
import { route } from "../route.ts";
import { runComparison, runHead, runHeads, runRecord } from "../schema/load-runs.ts";
import { documentsOf } from "./documents.ts";

/**
 * Runs of load tests as documents: the record under its id, and a head under its time, by which lists are in order. A run is
 * written when it starts and again when it ends; its start time does not change in between.
 */
const RUN = "load-run";
const HEAD = "load-run-head";
const id = z.string().regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits");
const nothing = z.object({});

/** Latest first in the order of text. */
function headKey(tenant: string, run: Pick<RunRecord, "id" | "startedUnixMs">): DocumentKey {
  const reversed = String(9_999_999_999_999 - Math.floor(run.startedUnixMs)).padStart(13, "0");
  return { tenant, kind: HEAD, id: `${reversed}-${run.id}` };
}

async function findRun(documents: Documents, tenant: string, runId: string): Promise<RunRecord> {
  const found = await documents.get({ tenant, kind: RUN, id: runId });
  if (found === undefined)
    throw new Failure("not-found", `no load run ${runId}`, { remedy: "GET /api/load/runs lists what there is." });
  return found.content as RunRecord;
}

export const loadRunsRoute = route({
  path: "/load/runs",
  summary: "Runs of load tests, newest first",
  pathParameters: nothing,
  query: z.object({ ...pageParameters(50, 500), name: z.string().max(200).optional() }),
  answer: runHeads,
  async handle({ query, visitor, dependencies }): Promise<LoadRuns> {
    const question = fingerprint(["load-runs", visitor.tenant, query.name]);
    const of = { tenant: visitor.tenant, kind: HEAD };
    let after = query.cursor === undefined ? undefined : decodeCursor(question, query.cursor, z.string());
    const runs: LoadRunHead[] = [];
    for (;;) {
      const page = await documentsOf(dependencies).list(of, query.limit, after);
      for (const { id: key, content } of page.documents) {
        const head = runHead.parse(content);
        if (query.name !== undefined && head.name !== query.name) continue;
        runs.push(head);
        after = key;
        if (runs.length === query.limit) return { runs, next: encodeCursor(question, key) };
      }
      if (page.next === undefined) return { runs, next: null };
      after = page.next;
    }
  },
});

export const loadRunRoute = route({
  path: "/load/runs/{id}",
  summary: "One run of a load test",
  pathParameters: z.object({ id }),
  query: nothing,
  answer: runRecord,
  async handle({ path, visitor, dependencies }) {
    return runRecord.parse(await findRun(documentsOf(dependencies), visitor.tenant, path.id));
  },
});

export const loadRunWriteRoute = route({
  method: "post",
  path: "/load/runs/{id}",
  summary: "Writes a run, at its start and at its end",
  description:
    "What `traceo load` sends by itself. The id of the path and of the body are the same. A run that has ended stays as it is.",
  pathParameters: z.object({ id }),
  query: nothing,
  body: runRecord,
  need: "ingest",
  answer: runHead,
  async handle({ path, body, visitor, dependencies }) {
    if (body.id !== path.id) throw new Failure("bad-request", `id: the path says ${path.id}, the body ${body.id}`);
    const documents = documentsOf(dependencies);
    const key = { tenant: visitor.tenant, kind: RUN, id: path.id };
    const before = await documents.get(key);
    const known = before?.content as RunRecord | undefined;
    if (known !== undefined && known.status !== "running")
      throw new Failure("conflict", `run ${path.id} has ended; it stays as it is`);
    if (known !== undefined && known.startedUnixMs !== body.startedUnixMs)
      throw new Failure("conflict", `run ${path.id} started at ${known.startedUnixMs}, not at ${body.startedUnixMs}`);
    // The head first: cut off in between, a list shows a run that is not there yet rather than hiding one that is.
    const head = headOf(body as RunRecord);
    await documents.put(headKey(visitor.tenant, body), head, "any");
    await documents.put(key, body, before?.version ?? "absent");
    return head;
  },
});

export const loadRunRemoveRoute = route({
  method: "delete",
  path: "/load/runs/{id}",
  summary: "Removes a run; its telemetry goes with its age",
  pathParameters: z.object({ id }),
  query: nothing,
  need: "admin",
  answer: z.object({ removed: z.boolean() }).meta({ id: "LoadRunRemoved" }),
  async handle({ path, visitor, dependencies }) {
    const documents = documentsOf(dependencies);
    const run = await findRun(documents, visitor.tenant, path.id);
    await documents.remove({ tenant: visitor.tenant, kind: RUN, id: path.id }, "any");
    await documents.remove(headKey(visitor.tenant, run), "any");
    return { removed: true };
  },
});

export const loadRunComparisonRoute = route({
  path: "/load/runs/{id}/comparison",
  summary: "Two runs side by side, without a verdict",
  pathParameters: z.object({ id }),
  query: z.object({ with: id.describe("The run to compare with; it is `a`, the one of the path is `b`.") }),
  answer: runComparison,
  async handle({ path, query, visitor, dependencies }) {
    const documents = documentsOf(dependencies);
    const a = await findRun(documents, visitor.tenant, query.with);
    const b = await findRun(documents, visitor.tenant, path.id);
    return compareRuns(a, b);
  },
});

function headOf(run: RunRecord): LoadRunHead {
  const value = (metric: string, statistic: string): number | null =>
    run.metrics.find(({ name }) => name === metric)?.values[statistic] ?? null;
  const failed = run.thresholds.filter(({ ok }) => !ok).length;
  return {
    id: run.id,
    name: run.name,
    startedMs: run.startedUnixMs,
    endedMs: run.endedUnixMs ?? null,
    status: run.status,
    reason: run.reason,
    tags: run.tags,
    commit: run.git?.commit ?? null,
    requests: value("http_reqs", "count"),
    requestsPerSecond: value("http_reqs", "rate"),
    failedShare: value("http_req_failed", "rate"),
    p95Ms: value("http_req_duration", "p(95)"),
    droppedIterations: value("dropped_iterations", "count"),
    thresholds: { passed: run.thresholds.length - failed, failed },
  };
}
