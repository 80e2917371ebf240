import type { Scene } from "./web-scene.ts";

/** One place of the interface: its address, and text that must be in sight when it shows the shop's telemetry. */
export interface Place {
  readonly name: string;
  readonly path: string;
  readonly shows: readonly string[];
}

/** Every view, and every part of one that has an address of its own. */
export function placesOf(scene: Scene): readonly Place[] {
  const trace = `/traces/${scene.failedTrace}`;
  return [
    { name: "Home", path: "/", shows: ["Is anything lost?", "nothing lost", "What is arriving", "payments"] },
    { name: "Services", path: "/services", shows: [...scene.services, "p95"] },
    { name: "Service map", path: "/services?tab=map", shows: [...scene.services, "postgresql"] },
    { name: "Service", path: "/services/payments", shows: ["Duration p95", "charge card", "Operations"] },
    { name: "Traces", path: "/traces", shows: ["POST /checkout", "gateway", "2.06 s"] },
    {
      name: "Differences",
      path: "/traces?select=%3Dstatus+%3D+error",
      shows: ["What is different about", "card.network", "amex"],
    },
    { name: "Spans by a field", path: "/traces?group=service", shows: ["Spans by service", "POST /checkout"] },
    { name: "Trace", path: trace, shows: ["charge card", "place order", "2.06 s", "Critical path"] },
    {
      name: "Span",
      path: `${trace}?open=${scene.failedSpan}`,
      shows: [scene.reason, "card.network", "amex", "Logs of this span", "TimeoutError"],
    },
    { name: "Flame", path: `${trace}?tab=flame`, shows: ["7 spans", "payments"] },
    { name: "Compare with normal", path: `${trace}?tab=compare`, shows: ["same root", "charge card", "slower"] },
    { name: "Logs", path: "/logs", shows: [`charge failed: ${scene.reason}`, "retrying charge, attempt 2 of 3"] },
    { name: "Log search", path: "/logs?text=retrying&wrap=1&columns=trace", shows: ["retrying charge"] },
    { name: "Patterns", path: "/logs?tab=patterns", shows: ["retrying charge, attempt <*> of <*>", "Trend"] },
    { name: "Metrics", path: "/metrics", shows: ["process.memory.usage", "queue.depth"] },
    {
      name: "Metric",
      path: "/metrics?metric=queue.depth&group=resource.service.name",
      shows: ["queue.depth", "payments"],
    },
    {
      name: "SQL",
      path: "/sql?sql=SELECT+service_name,+count()+AS+n+FROM+spans+GROUP+BY+service_name+ORDER+BY+n",
      shows: ["5 rows", "catalogue"],
    },
    { name: "No such place", path: "/nowhere", shows: ["No such place"] },
  ];
}
