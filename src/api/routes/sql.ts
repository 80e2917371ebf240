import { z } from "zod";
import type { EngineValue } from "#engine/engine.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import { validate } from "../parameters.ts";
import { route } from "../route.ts";

/** ClickHouse's text formats and how they are named on the wire. Binary ones are left out: nothing here reads them. */
export const SQL_FORMATS: Readonly<Record<string, string>> = {
  JSON: "application/json",
  JSONStrings: "application/json",
  JSONColumns: "application/json",
  JSONColumnsWithMetadata: "application/json",
  JSONCompact: "application/json",
  JSONCompactStrings: "application/json",
  JSONCompactColumns: "application/json",
  JSONObjectEachRow: "application/json",
  JSONEachRow: "application/x-ndjson",
  JSONL: "application/x-ndjson",
  JSONLines: "application/x-ndjson",
  NDJSON: "application/x-ndjson",
  JSONStringsEachRow: "application/x-ndjson",
  JSONCompactEachRow: "application/x-ndjson",
  JSONCompactEachRowWithNames: "application/x-ndjson",
  JSONCompactEachRowWithNamesAndTypes: "application/x-ndjson",
  JSONCompactStringsEachRow: "application/x-ndjson",
  JSONCompactStringsEachRowWithNames: "application/x-ndjson",
  JSONCompactStringsEachRowWithNamesAndTypes: "application/x-ndjson",
  JSONEachRowWithProgress: "application/x-ndjson",
  JSONStringsEachRowWithProgress: "application/x-ndjson",
  JSONCompactEachRowWithProgress: "application/x-ndjson",
  JSONCompactStringsEachRowWithProgress: "application/x-ndjson",
  CSV: "text/csv; charset=utf-8",
  CSVWithNames: "text/csv; charset=utf-8; header=present",
  CSVWithNamesAndTypes: "text/csv; charset=utf-8; header=present",
  TSV: "text/tab-separated-values; charset=utf-8",
  TSVWithNames: "text/tab-separated-values; charset=utf-8",
  TSVWithNamesAndTypes: "text/tab-separated-values; charset=utf-8",
  TSVRaw: "text/tab-separated-values; charset=utf-8",
  TSVRawWithNames: "text/tab-separated-values; charset=utf-8",
  TSVRawWithNamesAndTypes: "text/tab-separated-values; charset=utf-8",
  TabSeparated: "text/tab-separated-values; charset=utf-8",
  TabSeparatedWithNames: "text/tab-separated-values; charset=utf-8",
  TabSeparatedWithNamesAndTypes: "text/tab-separated-values; charset=utf-8",
  TabSeparatedRaw: "text/tab-separated-values; charset=utf-8",
  TabSeparatedRawWithNames: "text/tab-separated-values; charset=utf-8",
  TabSeparatedRawWithNamesAndTypes: "text/tab-separated-values; charset=utf-8",
  Raw: "text/tab-separated-values; charset=utf-8",
  RawWithNames: "text/tab-separated-values; charset=utf-8",
  RawWithNamesAndTypes: "text/tab-separated-values; charset=utf-8",
  CustomSeparated: "text/plain; charset=utf-8",
  CustomSeparatedWithNames: "text/plain; charset=utf-8",
  CustomSeparatedWithNamesAndTypes: "text/plain; charset=utf-8",
  LineAsString: "text/plain; charset=utf-8",
  LineAsStringWithNames: "text/plain; charset=utf-8",
  LineAsStringWithNamesAndTypes: "text/plain; charset=utf-8",
  Values: "text/plain; charset=utf-8",
  SQLInsert: "text/plain; charset=utf-8",
  TSKV: "text/plain; charset=utf-8",
  Vertical: "text/plain; charset=utf-8",
  Pretty: "text/plain; charset=utf-8",
  PrettyNoEscapes: "text/plain; charset=utf-8",
  PrettyMonoBlock: "text/plain; charset=utf-8",
  PrettyNoEscapesMonoBlock: "text/plain; charset=utf-8",
  PrettyCompact: "text/plain; charset=utf-8",
  PrettyCompactNoEscapes: "text/plain; charset=utf-8",
  PrettyCompactMonoBlock: "text/plain; charset=utf-8",
  PrettyCompactNoEscapesMonoBlock: "text/plain; charset=utf-8",
  PrettySpace: "text/plain; charset=utf-8",
  PrettySpaceNoEscapes: "text/plain; charset=utf-8",
  PrettySpaceMonoBlock: "text/plain; charset=utf-8",
  PrettySpaceNoEscapesMonoBlock: "text/plain; charset=utf-8",
  PrettyJSONEachRow: "text/plain; charset=utf-8",
  PrettyJSONLines: "text/plain; charset=utf-8",
  PrettyNDJSON: "text/plain; charset=utf-8",
  Markdown: "text/markdown; charset=utf-8",
  MD: "text/markdown; charset=utf-8",
  XML: "application/xml; charset=utf-8",
};

const LONGEST_STATEMENT = 200_000;
const LONGEST_VALUE = 100_000;
const PARAMETER_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

const value: z.ZodType<EngineValue> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(value), z.record(z.string(), value)]),
);

const statement = z.strictObject({
  query: z.string().min(1).max(LONGEST_STATEMENT),
  parameters: z.record(z.string().regex(PARAMETER_NAME), value).optional(),
});

/** Limits of one statement that a person wrote. */
const LIMITS = { timeoutMs: 30_000, resultRows: 100_000, resultBytes: 50_000_000 };

export const sqlRoute = route({
  method: "post",
  path: "/sql",
  summary: "Read-only SQL over this tenant's rows",
  description:
    "One SELECT in ClickHouse's dialect, as the body or as JSON `{query, parameters}`. Values of `{name:Type}` in the query come from `parameters` or from `param_<name>` beside `format`. With EXPLAIN before the SELECT the answer is the engine's plan. The answer is in the ClickHouse format asked for; `X-Traceo-Statistics` says what it cost.",
  pathParameters: z.object({}),
  query: z
    .object({
      format: z
        .string()
        .max(60)
        .default("JSONCompact")
        .describe("A ClickHouse text format, as JSONEachRow or CSVWithNames."),
    })
    .catchall(z.string().max(LONGEST_VALUE).describe("`param_<name>`: the value of `{name:Type}`.")),
  textBody: LONGEST_STATEMENT + 50_000,
  answer: z.unknown(),
  async handle({ query, body, headers, visitor, dependencies, signal }): Promise<Response> {
    const { format, ...others } = query;
    if (!Object.hasOwn(SQL_FORMATS, format))
      throw new Failure("bad-request", `format: one of ${Object.keys(SQL_FORMATS).join(", ")}`);
    const asked = readStatement(body, headers.get("content-type") ?? "");
    const { sql, explain, offset } = readExplain(asked.query);
    const parameters = { ...asked.parameters, ...readParameters(others) };
    const answer = await dependencies.engine
      .read({ sql, parameters, format, limits: LIMITS, confinedTo: { tenant: visitor.tenant }, explain }, signal)
      .catch((error: unknown) => {
        throw shifted(error, offset);
      });
    return new Response(answer.bytes as Uint8Array<ArrayBuffer>, {
      headers: {
        "content-type": SQL_FORMATS[format]!,
        "content-disposition": "inline",
        "cache-control": "no-store",
        "x-traceo-statistics": JSON.stringify({
          elapsedMs: answer.elapsedMs,
          rowsRead: answer.rowsRead,
          bytesRead: answer.bytesRead,
          partial: false,
        }),
      },
    });
  },
});

function readStatement(body: string, contentType: string): z.output<typeof statement> {
  if (!/^application\/json\b/i.test(contentType)) return validate(statement, { query: body.trim() });
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new Failure(
      "bad-request",
      "body: is no JSON; write {query, parameters} or send the statement as text/plain",
      {
        cause: error,
      },
    );
  }
  return validate(statement, json);
}

/** `param_<name>` as the command line and ClickHouse's own clients send them. */
function readParameters(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => {
      const name = key.startsWith("param_") ? key.slice("param_".length) : "";
      if (!PARAMETER_NAME.test(name))
        throw new Failure("bad-request", `${key.slice(0, 200)}: no such parameter here; it is format or param_<name>`);
      return [name, value];
    }),
  );
}

/** What stands behind EXPLAIN, and where it begins. EXPLAINs of other kinds are left to be refused. */
function readExplain(text: string): { readonly sql: string; readonly explain: boolean; readonly offset: number } {
  const offset = /^EXPLAIN\s+(?:PLAN\s+)?(?:indexes\s*=\s*1\s+)?(?=SELECT\b|WITH\b|\()/i.exec(text)?.[0].length ?? 0;
  return { sql: text.slice(offset), explain: offset > 0, offset };
}

/** Positions count from the beginning of what the person wrote. */
function shifted(error: unknown, offset: number): unknown {
  if (offset === 0 || !isFailure(error) || error.position === undefined) return error;
  return new Failure(error.code, error.message, {
    remedy: error.remedy,
    cause: error,
    position: error.position + offset,
  });
}
