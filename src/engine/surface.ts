import type { ClickHouse } from "./clickhouse.ts";
import type { Engine, EngineParameters, EngineStatus, StagedBlock } from "./engine.ts";
import type { StagedColumn } from "./schema/staged.ts";

/** What the two adapters do differently behind the one port. */
export interface EngineCore extends AsyncDisposable {
  stage(columns: readonly StagedColumn[], parts: readonly Uint8Array[]): Promise<StagedBlock>;
  insert(
    client: ClickHouse,
    sql: string,
    block: StagedBlock,
    parameters: EngineParameters | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  /** Called before every statement that may create tables. */
  onExecute(): void;
  sync(client: ClickHouse): Promise<void>;
  whenReady(signal?: AbortSignal): Promise<void>;
  status(): EngineStatus;
  readonly hooks: Set<(engine: Engine) => Promise<void>>;
}

/**
 * An Engine over a core, whose statements go where `reach` says: everybody's throws until the engine is ready, the one that
 * the start hooks are given reaches it before.
 */
export function createSurface(core: EngineCore, reach: () => ClickHouse): Engine {
  return {
    read: async (read, signal) => await reach().read(read, signal),
    execute: async (sql, parameters, signal) => {
      const client = reach();
      core.onExecute();
      await client.execute(sql, parameters, signal);
    },
    stage: async (columns, parts) => await core.stage(columns, parts),
    insert: async (sql, block, parameters, signal) => await core.insert(reach(), sql, block, parameters, signal),
    sync: async () => await core.sync(reach()),
    whenReady: async (signal) => await core.whenReady(signal),
    status: () => core.status(),
    onStart: (hook) => {
      core.hooks.add(hook);
      return () => core.hooks.delete(hook);
    },
    [Symbol.asyncDispose]: async () => await core[Symbol.asyncDispose](),
  };
}
