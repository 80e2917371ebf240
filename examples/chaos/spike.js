// Scenario 2: ten times the normal load while the CPUs are stressed; graceful degradation: slower, with some errors, and well
// again afterwards. The stages follow the phases of spike.yaml (warmup 5 s, baseline 10 s, inject about 3 s, hold 45 s).
import { visitPage } from "./shop.js";

const RATE = Number(__ENV.RATE || 5);

export const options = {
  scenarios: {
    spike: {
      executor: "ramping-arrival-rate",
      startRate: RATE,
      timeUnit: "1s",
      preAllocatedVUs: RATE * 20,
      maxVUs: RATE * 400,
      stages: [
        { duration: "18s", target: RATE },
        { duration: "2s", target: RATE * 10 },
        { duration: "40s", target: RATE * 10 },
        { duration: "2s", target: RATE },
        { duration: "10m", target: RATE }, // the experiment ends it
      ],
    },
  },
  thresholds: {
    "http_req_failed{phase:baseline}": ["rate<0.01"],
    // Degraded is not down: most are served, and nobody waits for ever.
    "http_req_failed{phase:hold}": ["rate<0.10"],
    "http_req_duration{phase:hold}": ["p(95)<15000"],
    "http_req_failed{phase:recover}": ["rate<0.05"],
  },
};

// biome-ignore lint/style/noDefaultExport: it is what a k6 script runs.
export default visitPage;
