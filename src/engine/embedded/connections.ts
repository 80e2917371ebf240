import type { ChdbBinding, ChdbConnection } from "./chdb-binding.ts";
import { databaseChoice } from "./statement.ts";

/**
 * Connections to chdb. Each runs one statement and is closed after it, whatever came of it: after an error chdb would give
 * the failed query's rows to whoever asks next, and settings, roles and parameters would stay. Opening one and naming its
 * database is a third of what a light read costs, so that some are opened ahead for the database that was last asked.
 */
export class Connections {
  readonly #chdb: ChdbBinding;
  readonly #dataDir: string;
  readonly #ahead: number;
  #database: string | undefined;
  /** Never used, all of `#database`. */
  readonly #ready: ChdbConnection[] = [];
  #preparing: Promise<void> | undefined;
  #closed = false;

  constructor(chdb: ChdbBinding, dataDir: string, ahead: number) {
    this.#chdb = chdb;
    this.#dataDir = dataDir;
    this.#ahead = ahead;
  }

  /** A connection that nobody has used. Throws what the engine says of the database. */
  async take(database: string): Promise<ChdbConnection> {
    // The host's own statements, a KILL above all, name no database.
    if (databaseChoice(database) === undefined) return this.#open(database);
    if (database !== this.#database) {
      this.#drop();
      this.#database = database;
    }
    const connection = this.#ready.pop() ?? (await this.#open(database));
    this.#preparing ??= this.#prepare(database);
    return connection;
  }

  /** The connection must have no query running. */
  giveBack(connection: ChdbConnection): void {
    this.#chdb.CloseConnection(connection);
  }

  /** Closes those that wait. Those taken must be given back. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#preparing;
    this.#drop();
  }

  async #open(database: string): Promise<ChdbConnection> {
    const connection = this.#chdb.CreateConnection(this.#dataDir);
    const use = databaseChoice(database);
    if (use === undefined) return connection;
    try {
      await this.#chdb.QueryAsyncConnection(connection, use, "Null");
      return connection;
    } catch (error) {
      this.#chdb.CloseConnection(connection);
      throw error;
    }
  }

  /** Opens what is missing, after whatever waits for the event loop now: opening blocks it for a third of a millisecond. */
  async #prepare(database: string): Promise<void> {
    try {
      while (this.#ready.length < this.#ahead && database === this.#database && !this.#closed) {
        await new Promise((resolve) => setImmediate(resolve));
        const connection = await this.#open(database);
        if (database === this.#database) this.#ready.push(connection);
        else this.#chdb.CloseConnection(connection);
      }
    } catch {
      // Whoever takes the next one opens it and is told.
      this.#drop();
    } finally {
      this.#preparing = undefined;
    }
  }

  #drop(): void {
    for (const connection of this.#ready.splice(0)) this.#chdb.CloseConnection(connection);
  }
}
