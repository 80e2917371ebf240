import type { Engine } from "#engine/engine.ts";
import { finishLoad, insertLoad, insertParts, missingFrom, newestLoad } from "#engine/load.ts";
import type { StagedKind } from "#engine/schema/staged.ts";
import type { LoadInserter } from "#ingest/loader.ts";
import type { Signal } from "#model/batch.ts";

const KINDS: Readonly<Record<Signal, readonly StagedKind[]>> = {
  traces: ["spans"],
  logs: ["logs"],
  metrics: ["series", "points", "histograms", "exemplars"],
};

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
    newestLoad: (signal, abort) => newestLoad(engine, KINDS[signal], abort),
    sync: () => engine.sync(),
    whenReady: (abort) => engine.whenReady(abort),
  };
}
