import { Socket } from "node:net";
import type { Pool, PoolClient } from "pg";
import type { Channel } from "./channel.ts";
import { log } from "./log.ts";
import { loadInstrumented, meter, SERVICE, VERSION } from "./telemetry.ts";

const pg = loadInstrumented("pg");

/** A named statement: the name is what the span is called, so that a trace reads like the code. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface DatabaseOptions {
  readonly maxConnections: number;
  /** How long a request may wait for a connection before it fails. */
  readonly acquireTimeoutMs: number;
  /** How long a statement may wait for a row lock. */
  readonly lockTimeoutMs?: number;
}

export interface Database {
  query<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /** Runs `work` between BEGIN and COMMIT on one connection; ROLLBACK when it throws. */
  transaction<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result>;
  /** A connection that the caller must release. */
  acquire(): Promise<PoolClient>;
  close(): Promise<void>;
}

const waitTime = meter.createHistogram("db.client.connection.wait_time", {
  unit: "s",
  description: "The time it took to obtain an open connection from the pool.",
  advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] },
});
const timeouts = meter.createCounter("db.client.connection.timeouts", {
  unit: "{timeout}",
  description: "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
});
const waiting = meter.createObservableGauge("shop.database.waiting_requests", {
  unit: "{request}",
  description: "Requests that wait for a connection of the pool right now.",
});

/** Opens a service's pool. It connects at the first query, so PostgreSQL may still be starting. */
export function openDatabase(channel: Channel, options: DatabaseOptions): Database {
  let pool: Pool | null = null;
  const poolName = `${SERVICE}/shop`;

  const opened = (): Pool => {
    if (pool !== null) return pool;
    const address = channel.directory().database;
    if (address === null) throw new Error("the database is not open yet");
    pool = new pg.Pool({
      host: "postgres",
      port: address.port,
      user: address.user,
      password: address.password,
      database: address.name,
      application_name: `${SERVICE}-${VERSION}`,
      max: options.maxConnections,
      connectionTimeoutMillis: options.acquireTimeoutMs,
      idleTimeoutMillis: 10_000,
      keepAlive: true,
      ...(options.lockTimeoutMs === undefined ? {} : { lock_timeout: options.lockTimeoutMs }),
      // Regions are partitions: each statement is planned for the one it asks.
      options: "-c plan_cache_mode=force_custom_plan",
      stream: loopbackSocket,
    });
    // An idle connection that breaks (PostgreSQL restarted) is replaced at the next query; nobody was using it.
    pool.on("error", () => undefined);
    return pool;
  };
  waiting.addCallback((result) =>
    result.observe(pool?.waitingCount ?? 0, { "db.client.connection.pool.name": poolName }),
  );

  const acquire = async (): Promise<PoolClient> => {
    const started = performance.now();
    try {
      return await opened().connect();
    } catch (error) {
      timeouts.add(1, { "db.client.connection.pool.name": poolName });
      log.error("no database connection became free", error, {
        "db.client.connection.pool.name": poolName,
        "shop.database.open_connections": pool?.totalCount ?? 0,
        "shop.database.idle_connections": pool?.idleCount ?? 0,
        "shop.database.waiting_requests": pool?.waitingCount ?? 0,
      });
      throw error;
    } finally {
      waitTime.record((performance.now() - started) / 1000, { "db.client.connection.pool.name": poolName });
    }
  };

  return {
    acquire,
    async query<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
      const client = await acquire();
      try {
        return (await client.query({ ...statement, values: [...values] })).rows as Row[];
      } finally {
        client.release();
      }
    },
    async transaction(work) {
      const client = await acquire();
      try {
        await client.query("BEGIN");
        const result = await work(client);
        await client.query("COMMIT");
        client.release();
        return result;
      } catch (error) {
        await client.query("ROLLBACK").then(
          () => client.release(),
          (broken: Error) => client.release(broken),
        );
        throw error;
      }
    },
    async close() {
      await pool?.end();
    },
  };
}

/** pg resolves names itself and takes no lookup: so a socket that goes to loopback whatever the name. */
function loopbackSocket(): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket) as (port: number, host: string) => Socket;
  socket.connect = ((port: number) => connect(port, "127.0.0.1")) as typeof socket.connect;
  return socket;
}
