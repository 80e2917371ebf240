import { createRequire } from "node:module";

/**
 * chdb's native binding, without the JavaScript around it. That layer defers closing a connection until every running
 * query of the process has ended, so under one slow query connections (0.2 MB each) pile up without a limit. The engine
 * itself only asks that a connection has no query of its own running, and `Statement` knows that.
 */
export interface ChdbBinding {
  /** Opens a connection; the first one of the process starts the engine on `path` with these arguments. Blocks. */
  CreateConnection(path: string, connectionArguments?: readonly string[]): ChdbConnection;
  /** The connection must have no query running, or the whole process is lost. */
  CloseConnection(connection: ChdbConnection): void;
  /** Runs on libuv's thread pool. */
  QueryAsyncConnection(connection: ChdbConnection, sql: string, format: string): Promise<ChdbResult>;
}

export interface ChdbConnection {
  readonly opaque: unique symbol;
}

export interface ChdbResult {
  readonly bytes: Uint8Array;
  readonly elapsed: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** Throws where there is no build of the engine for this platform. */
export function loadChdb(): ChdbBinding {
  const here = createRequire(import.meta.url);
  const inside = createRequire(here.resolve("chdb/package.json"));
  const loader = inside("./dist/loader.js") as { loadNative(): ChdbBinding };
  return loader.loadNative();
}
