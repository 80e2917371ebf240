import type { Settings } from "#config/settings.ts";
import type { Engine } from "#engine/engine.ts";
import { type Dropped, dropExpired, dropOldest, readDays } from "#engine/retention.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { describeError } from "#runtime/failure.ts";
import type { Log } from "#runtime/log.ts";

/** Keeps the data within its age and its bytes: looks now and then, drops whole days, oldest first. */
export interface Housekeeping extends AsyncDisposable {
  /** Bytes of all tables when last looked at. */
  usedBytes(): number;
}

const LOOK_MS = 60_000;
/** Ages change by the day; looking for them every minute would be work for nothing. */
const LOOKS_PER_AGE_CHECK = 60;

export function startHousekeeping(engine: Engine, settings: Settings, clock: Clock, log: Log): Housekeeping {
  const { retention } = settings;
  const policy = {
    maxAgeMs: { traces: retention.traces, logs: retention.logs, metrics: retention.metrics },
    tenants: new Map(
      Object.entries(retention.tenants).map(([tenant, ages]) => [
        tenant,
        Object.fromEntries(Object.entries(ages).filter(([, age]) => age !== undefined)) as Partial<
          Record<Signal, number>
        >,
      ]),
    ),
  };
  const stop = new AbortController();
  let used = 0;
  let looks = 0;
  let running = Promise.resolve();

  const report = (why: string, dropped: readonly Dropped[]): void => {
    for (const { table, date, rows, sizeBytes } of dropped)
      log.info("dropped a day", { why, table, date, rows, sizeBytes });
  };
  const look = async (): Promise<void> => {
    if (engine.status().state !== "ready") return;
    try {
      if (looks++ % LOOKS_PER_AGE_CHECK === 0)
        report("age", await dropExpired(engine, policy, clock.nowMs(), stop.signal));
      used = await measure();
      if (retention.diskBudget > 0 && used > retention.diskBudget) {
        report("disk budget", await dropOldest(engine, retention.diskBudget, stop.signal));
        used = await measure();
      }
    } catch (error) {
      if (!stop.signal.aborted)
        log.warn("housekeeping failed; it tries again in a minute", { error: describeError(error) });
    }
  };
  const measure = async (): Promise<number> =>
    (await readDays(engine, stop.signal)).reduce((sum, day) => sum + day.sizeBytes, 0);

  running = look();
  const timer = setInterval(() => {
    running = running.then(look);
  }, LOOK_MS);
  timer.unref();
  return {
    usedBytes: () => used,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
