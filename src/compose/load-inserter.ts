import type { Engine } from "#engine/engine.ts";
import { finishLoad, insertLoad, insertParts, missingFrom } from "#engine/load.ts";
import type { LoadInserter } from "#ingest/loader.ts";

/** The engine as the loader sees it. */
export function createLoadInserter(engine: Engine): LoadInserter {
  return {
    insert: async (load, blocks, { isRepeat, only, abort }) => {
      if (only !== undefined) await insertParts(engine, load, blocks, only, abort);
      else if (isRepeat) await finishLoad(engine, load, blocks, abort);
      else await insertLoad(engine, load, blocks, abort);
    },
    missing: async (load, blocks, abort) =>
      (await missingFrom(engine, load, blocks, abort)).flatMap(({ table, dates }) =>
        dates.map((date) => ({ table, date })),
      ),
    sync: () => engine.sync(),
    whenReady: (abort) => engine.whenReady(abort),
  };
}
