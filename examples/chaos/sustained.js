// Scenario 3: sustained load; the slopes are looked at by sustained.yaml.
import { visitPage } from "./shop.js";

const RATE = Number(__ENV.RATE || 20);

export const options = {
  scenarios: {
    sustained: {
      executor: "constant-arrival-rate",
      rate: RATE,
      timeUnit: "1s",
      duration: "48h", // the experiment ends it
      preAllocatedVUs: RATE * 2,
      maxVUs: RATE * 20,
    },
  },
  thresholds: {
    "http_req_failed{phase:hold}": ["rate<0.01"],
    "http_req_duration{phase:hold}": ["p(95)<2000"],
  },
};

// biome-ignore lint/style/noDefaultExport: it is what a k6 script runs.
export default visitPage;
