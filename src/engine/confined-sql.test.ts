import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeError, isFailure } from "#runtime/failure.ts";
import type { EngineParameters } from "./engine.ts";
import { insertLoad } from "./load.ts";
import { migrate } from "./schema/migrate.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";
import { sampleBlockSql } from "./staged-sample.ts";
import { openTestEngine, type TestEngine } from "./test-engine.ts";

const ATTACKS = readFileSync(new URL("confined-sql.attacks.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.replaceAll("\\n", "\n"));
/** Values for the attacks that use parameters. */
const PARAMETERS: EngineParameters = { t: "system.parts", c: "tenant", f: "file" };

let engine: TestEngine;
let alone: readonly string[];
let beside: readonly string[];

/** What a statement answers to this tenant: its rows, or why it was refused. */
async function outcome(sql: string, tenant: string): Promise<string> {
  try {
    const { bytes } = await engine.read({
      sql,
      parameters: PARAMETERS,
      format: "TSV",
      limits: { timeoutMs: 20_000, resultBytes: 4 << 20 },
      confinedTo: { tenant },
    });
    return Buffer.from(bytes).toString();
  } catch (error) {
    return isFailure(error) ? `${error.code}: ${error.message}` : `crash: ${describeError(error)}`;
  }
}

async function load(number: number, tenant: string, secret: string): Promise<void> {
  for (const kind of Object.keys(STAGED) as StagedKind[]) {
    const text = STAGED[kind].map(({ name }) =>
      name === "name" || name === "body" ? `concat('${secret} ', ${name}) AS ${name}` : `\`${name}\``,
    );
    const sample = sampleBlockSql(kind, {
      rows: 2000 * number,
      seed: number,
      fromUnixMs: Date.UTC(2026, 0, 5),
      overMs: 3_600_000,
      tenant,
    });
    const structure = STAGED[kind].map(
      ({ name, type }) => `CAST(\`${name}\`, '${type.replaceAll("'", "\\'")}') AS \`${name}\``,
    );
    const sql = `SELECT ${structure.join(", ")} FROM (SELECT ${text.join(", ")} FROM (${sample}))`;
    const { bytes } = await engine.read({ sql, format: "Native" });
    await insertLoad(engine, number, [{ kind, parts: [bytes], dates: ["2026-01-05"] }]);
  }
}

async function allOutcomes(): Promise<readonly string[]> {
  const all: string[] = [];
  for (const sql of ATTACKS) all.push(await outcome(sql, "acme"));
  return all;
}

beforeAll(async () => {
  engine = await openTestEngine();
  await migrate(engine);
  await load(1, "acme", "plain");
  alone = await allOutcomes();
  await load(2, "other", "SECRET");
  beside = await allOutcomes();
}, 300_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

describe("confined SQL", () => {
  it("answers no attack otherwise once another tenant has rows", () => {
    expect(ATTACKS.length).toBeGreaterThan(150);
    expect(ATTACKS.filter((_sql, at) => alone[at] !== beside[at])).toEqual([]);
  });

  it("gives away nothing of another tenant, a file or the server", () => {
    const hostname = readFileSync("/etc/hostname", "utf8").trim();
    const leaks = ATTACKS.filter(
      (_sql, at) => /SECRET |root:|\bother\b/.test(beside[at]!) || beside[at]!.split("\n").includes(hostname),
    ).filter((sql) => !sql.includes("'other'"));
    expect(leaks).toEqual([]);
    expect(beside.filter((text) => /SECRET |root:/.test(text))).toEqual([]);
    expect(existsSync("/tmp/traceo-attack.tsv")).toBe(false);
  });

  it("runs the engine once: no attack crashed it", () => {
    expect(engine.status().restarts).toBe(0);
    expect(beside.filter((text) => /^(crash|engine-)/.test(text))).toEqual([]);
  });

  it("answers ordinary SQL", async () => {
    const answers: readonly (readonly [string, string])[] = [
      ["SELECT count() FROM spans", "2000"],
      ["SELECT count() FROM spans;", "2000"],
      ["select COUNT(*), Max(tenant) from spans -- how many", "2000\tacme"],
      ["SELECT count() FROM traceo.spans AS s WHERE s.attributes['http.route'] = '/api/3'", "224"],
      ["SELECT count() FROM spans WHERE resource_attributes['cloud.region'] = 'eu-west-1'", "2000"],
      ["SELECT res_cloud_region, count() FROM logs GROUP BY ALL", "eu-west-1\t2000"],
      ["WITH slow AS (SELECT trace_id FROM spans WHERE duration_nano > 1e9) SELECT count() > 0 FROM slow", "1"],
      [
        "SELECT count() FROM spans AS a INNER JOIN spans AS b ON a.parent_span_id = b.span_id AND a.trace_id = b.trace_id",
        "1750",
      ],
      [
        "SELECT count() FROM (SELECT name, row_number() OVER (PARTITION BY name ORDER BY start_time) AS n FROM spans) WHERE n = 1",
        "24",
      ],
      ["SELECT arraySum(arrayMap(x -> x * 2, [1, 2, 3])), arraySort([3, 1, 2])", "12\t[1,2,3]"],
      [
        "SELECT arrayJoin(mapKeys(attributes)) AS k, count() FROM logs GROUP BY k ORDER BY k LIMIT 1",
        "http.route\t2000",
      ],
      [
        "SELECT {a:UInt64} + 1, {b:String}, {c:Array(String)}, {d:Map(String, UInt8)}",
        "18446744073709551615\tit\\'s\t['a\\'b']\t{'k':1}",
      ],
      [
        "SELECT quantileIf(0.5)(duration_nano, status_code = 'ok') IS NOT NULL, sumMap(duration_buckets) != map() FROM span_stats, (SELECT duration_nano, status_code FROM spans LIMIT 1) AS one",
        "1\t1",
      ],
      ["SELECT count() FROM samples WHERE attributes['k'] = '3'", "100"],
      ["SELECT sum(n) FROM (SELECT 1 AS n UNION ALL SELECT 2 EXCEPT SELECT 3)", "3"],
      [
        "SELECT toStartOfInterval(time, INTERVAL 1 HOUR) AS t, count() FROM logs GROUP BY t ORDER BY t WITH FILL STEP toIntervalHour(1)",
        "2026-01-05 00:00:00\t2000",
      ],
      [
        "SELECT toDateTime('2026-01-05 00:00:00', 'UTC')::String, CAST(1.5 AS Decimal(9, 2)), 'a, function_name: b', 'it''s' AS `an alias`",
        "2026-01-05 00:00:00\t1.5\ta, function_name: b\tit\\'s",
      ],
      [
        "SELECT DATE_TRUNC('hour', toDateTime('2026-01-05 10:11:12', 'UTC')), if(1, 'yes', 'no'), x BETWEEN 1 AND 2 FROM (SELECT 1 AS x)",
        "2026-01-05 10:00:00\tyes\t1",
      ],
      [
        "SELECT events.name[1], events.attributes[1]['exception.type'] FROM spans WHERE notEmpty(events.name) LIMIT 1",
        "exception\tTimeout",
      ],
      [
        "SELECT extract(body, 'step (\\\\d+)') != '', hasAllTokens(lower(body), ['request', 'shop']) FROM logs LIMIT 1",
        "1\t1",
      ],
    ];
    const parameters = { a: 18446744073709551614n, b: "it's", c: ["a'b"], d: { k: 1 } };
    const got: (readonly [string, string])[] = [];
    for (const [sql] of answers) {
      const { bytes } = await engine.read({ sql, parameters, format: "TSV", confinedTo: { tenant: "acme" } });
      got.push([sql, Buffer.from(bytes).toString().trimEnd()]);
    }
    expect(got).toEqual(answers);
  });

  it("says what is refused and where", async () => {
    const read = engine.read({ sql: "SELECT 1,\n  sleep(1)", confinedTo: { tenant: "acme" } });
    await expect(read).rejects.toMatchObject({
      code: "query-refused",
      message: "the function sleep is not allowed (line 2, column 3)",
      position: 12,
    });
    const wrong = engine.read({ sql: "SELECT 1 FROMM spans WHERE", confinedTo: { tenant: "acme" } });
    await expect(wrong).rejects.toMatchObject({ code: "query-invalid", position: 15 });
  });

  it("keeps parameters of one tenant from another", async () => {
    await engine.read({ sql: "SELECT {p:String}", parameters: { p: "mine" }, confinedTo: { tenant: "acme" } });
    await expect(engine.read({ sql: "SELECT {p:String}", confinedTo: { tenant: "other" } })).rejects.toMatchObject({
      code: "query-invalid",
    });
  });

  it("refuses as the golden file says", async () => {
    const lines = ATTACKS.map((sql, at) => {
      const text = beside[at]!;
      const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
      return `${sql.replaceAll("\n", "\\n")}\n    ${short.trimEnd().replaceAll("\n", "\n    ")}\n`;
    });
    await expect(lines.join("")).toMatchFileSnapshot("confined-sql.golden");
  });
});
