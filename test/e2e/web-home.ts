import type { Home, Status } from "../../src/api/contract/shapes.ts";
import type { Scene } from "./web-scene.ts";

/** What Home says of the scene, with everything in it that depends on the time and the machine of the run fixed. */
export function homeOf(scene: Scene): Home {
  const minute = 60_000;
  const sinceMs = scene.startMs + 7 * minute;
  const values = (before: number, now: number): number[] =>
    Array.from({ length: 30 }, (_, i) => (i < 20 ? before : now) * (1 + ((i * 7) % 5) / 20));
  const sparkline = (before: number, now: number) => ({
    startMs: scene.endMs - 30 * minute,
    stepMs: minute,
    values: values(before, now),
  });
  return {
    problems: [
      {
        id: "errors:payments",
        kind: "errors",
        title: "charge card in payments fails",
        detail: `1 in 3 fails since 11:57 UTC; before it was none. “${scene.reason}”`,
        service: "payments",
        operation: "charge card",
        sinceMs,
        score: 0.9,
        now: 0.333,
        before: 0,
        unit: "ratio",
        sparkline: sparkline(0, 0.333),
        differences: [
          {
            field: "attributes.card.network",
            value: "amex",
            insideCount: 4,
            outsideCount: 9,
            insideShare: 1,
            outsideShare: 0.31,
            difference: 0.69,
            low: 0.42,
            high: 0.83,
            coverage: 1,
          },
        ],
        link: `/traces?where=service+%3D+payments&select=%3Dstatus+%3D+error`,
      },
      {
        id: "resource:payments",
        kind: "resource",
        title: "payments: queue.depth fills up",
        detail: "78 since 11:57 UTC; before it was 4.",
        service: "payments",
        operation: null,
        sinceMs,
        score: 0.5,
        now: 78,
        before: 4,
        unit: "count",
        sparkline: sparkline(4, 70),
        differences: [],
        link: "/metrics?metric=queue.depth",
      },
    ],
    arriving: scene.services.map((service, i) => ({
      service,
      spansPerSecond: 0.13 / (i + 1),
      logsPerSecond: i === 0 ? 0 : 1.7 / i,
      pointsPerSecond: 0.11,
      lastSeenMs: scene.endMs + 58_000 - i * 20_000,
    })),
    statistics: { elapsedMs: 12, rowsRead: 2186, bytesRead: 54_263, partial: false },
  };
}

/** The server's own status without what differs between runs and machines. */
export function fixedStatus(status: Status, scene: Scene): Status {
  const ledger = (received: number): Status["ledger"]["traces"] => ({
    received,
    stored: received - 2,
    rejected: 2,
    dropped: 0,
    pending: 0,
    missing: 0,
    reasons: [{ reason: "a time more than an hour ahead", count: 2 }],
    receivedPerSecond: 1.2,
    refusedRequests: 0,
  });
  return {
    ...status,
    nowMs: scene.endMs + 60_000,
    startedMs: scene.startMs,
    engine: { ...status.engine, processId: 1, residentBytes: 311 << 20, memoryLimitBytes: 400 << 20 },
    ledger: { traces: ledger(scene.spans), logs: ledger(scene.logs), metrics: ledger(400) },
    disk: { usedBytes: 49_700, budgetBytes: 20 * 2 ** 30, freeBytes: 60 * 2 ** 30 },
  };
}
