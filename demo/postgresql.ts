import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { openChannel } from "./channel.ts";
import { printLine } from "./log.ts";
import { createPostgresLogReader } from "./postgres-log.ts";
import { openPostgresServer } from "./postgres-server.ts";
import { isRegion, REGIONS } from "./regions.ts";
import { createShopData, dropSearchIndex, searchIndex } from "./shop-data.ts";
import { closeTelemetry, loadInstrumented, meter } from "./telemetry.ts";

/*
 * The database: starts PostgreSQL as its child, sends its log on as it is printed, and its statistics as metrics, as an
 * agent beside a database does. It also holds the operator's connection that makes and mends the search index.
 */
const pg = loadInstrumented("pg");
const channel = openChannel();
const dataDir = process.env["SHOP_DATA"] ?? ".";
const DATABASE = "shop";
const LOG_FLUSH_MS = 250;

const reader = createPostgresLogReader((entry) => printLine(entry.text, entry.level, entry.time));
const server = await openPostgresServer({
  dataDir,
  port: Number(process.env["SHOP_PORT"] ?? 0),
  onOutput: reader.push,
});
const flushing = setInterval(reader.flush, LOG_FLUSH_MS);
let stopping = false;
void server.exited.then(() => {
  if (!stopping) process.exit(1);
});

async function connect(database: string): Promise<Client> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    password: server.superuserPassword,
    database,
    application_name: "operator",
  });
  // The server going away ends this process above; the connection's own complaint adds nothing.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** The services' own role: no superuser. Its password lies beside the superuser's. */
async function prepareDatabase(): Promise<{ user: string; password: string; operator: Client }> {
  const secret = join(dataDir, "shop-password");
  if (!existsSync(secret)) writeFileSync(secret, randomBytes(18).toString("base64url"), { mode: 0o600 });
  const password = readFileSync(secret, "utf8");
  const root = await connect("postgres");
  const exists = await root.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE]);
  if (exists.rowCount === 0) {
    await root.query(`DROP ROLE IF EXISTS shop; CREATE ROLE shop LOGIN PASSWORD '${password}'`);
    await root.query("DROP DATABASE IF EXISTS shop_unfinished");
    await root.query("CREATE DATABASE shop_unfinished OWNER shop");
    const filling = await connect("shop_unfinished");
    await filling.query("ALTER SCHEMA public OWNER TO shop; SET ROLE shop");
    await createShopData(filling);
    await filling.end();
    await root.query(`ALTER DATABASE shop_unfinished RENAME TO ${DATABASE}`);
  }
  await root.end();
  const operator = await connect(DATABASE);
  // A shop that was killed while a trouble was on starts healthy again.
  await operator.query("SET ROLE shop; SET maintenance_work_mem = '64MB'");
  for (const region of REGIONS) await operator.query(searchIndex(region));
  return { user: "shop", password, operator };
}

const { user, password, operator } = await prepareDatabase();

channel.onCommand(async ({ action, active, subject }) => {
  if (action !== "search-index" || !isRegion(subject)) throw new Error(`unknown command ${action} ${subject}`);
  await operator.query(active ? dropSearchIndex(subject) : searchIndex(subject));
});

const statistics = await connect(DATABASE);
const backends = meter.createObservableUpDownCounter("postgresql.backends", { unit: "{backend}" });
const waiting = meter.createObservableGauge("postgresql.lock.waiting", {
  unit: "{backend}",
  description: "Backends that wait for a lock.",
});
const commits = meter.createObservableCounter("postgresql.commits", { unit: "{transaction}" });
const rollbacks = meter.createObservableCounter("postgresql.rollbacks", { unit: "{transaction}" });
const deadlocks = meter.createObservableCounter("postgresql.deadlocks", { unit: "{deadlock}" });
const sequentialScans = meter.createObservableCounter("postgresql.sequential_scans", { unit: "{scan}" });
const sequentialRows = meter.createObservableCounter("postgresql.sequential_scans.rows", { unit: "{row}" });
const indexScans = meter.createObservableCounter("postgresql.index.scans", { unit: "{scan}" });
const size = meter.createObservableUpDownCounter("postgresql.db_size", { unit: "By" });
const oldest = meter.createObservableGauge("postgresql.transaction.oldest_age", {
  unit: "s",
  description: "Age of the oldest open transaction.",
});

interface DatabaseRow {
  readonly commits: number;
  readonly rollbacks: number;
  readonly deadlocks: number;
  readonly bytes: number;
}
interface BackendRow {
  readonly application: string;
  readonly state: string;
  readonly backends: number;
  readonly waiting: number;
  readonly age: number;
}
interface TableRow {
  readonly name: string;
  readonly scans: number;
  readonly rows: number;
  readonly lookups: number;
}

meter.addBatchObservableCallback(
  async (result) => {
    const database = (
      await statistics.query<DatabaseRow>(
        `SELECT xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks, deadlocks::float8,
           pg_database_size(datname)::float8 AS bytes FROM pg_stat_database WHERE datname = $1`,
        [DATABASE],
      )
    ).rows[0];
    const namespace = { "db.namespace": DATABASE };
    if (database !== undefined) {
      result.observe(commits, database.commits, namespace);
      result.observe(rollbacks, database.rollbacks, namespace);
      result.observe(deadlocks, database.deadlocks, namespace);
      result.observe(size, database.bytes, namespace);
    }
    const sessions = await statistics.query<BackendRow>(
      `SELECT application_name AS application, coalesce(state, 'idle') AS state, count(*)::int AS backends,
         (count(*) FILTER (WHERE wait_event_type = 'Lock'))::int AS waiting,
         coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS age
       FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() GROUP BY 1, 2`,
      [DATABASE],
    );
    const perApplication = new Map<string, number>();
    for (const row of sessions.rows) {
      const attributes = { ...namespace, "postgresql.application": row.application };
      result.observe(backends, row.backends, { ...attributes, "postgresql.state": row.state });
      perApplication.set(row.application, (perApplication.get(row.application) ?? 0) + row.waiting);
    }
    for (const [application, count] of perApplication)
      result.observe(waiting, count, { ...namespace, "postgresql.application": application });
    result.observe(oldest, Math.max(0, ...sessions.rows.map((row) => row.age)), namespace);
    const tables = await statistics.query<TableRow>(
      `SELECT relname AS name, coalesce(seq_scan, 0)::float8 AS scans, coalesce(seq_tup_read, 0)::float8 AS rows,
         coalesce(idx_scan, 0)::float8 AS lookups FROM pg_stat_user_tables`,
    );
    for (const row of tables.rows) {
      const attributes = { ...namespace, "postgresql.table": row.name };
      result.observe(sequentialScans, row.scans, attributes);
      result.observe(sequentialRows, row.rows, attributes);
      result.observe(indexScans, row.lookups, attributes);
    }
  },
  [backends, waiting, commits, rollbacks, deadlocks, sequentialScans, sequentialRows, indexScans, size, oldest],
);

channel.onStop(async () => {
  stopping = true;
  await closeTelemetry().catch(() => undefined);
  clearInterval(flushing);
  await server.stop();
});
channel.ready(server.port, { port: server.port, user, password, name: DATABASE });
