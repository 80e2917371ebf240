// Scenario 1: normal load while half of the packets between the shop's services are lost; under 2% errors.
import { visitPage } from "./shop.js";

const RATE = Number(__ENV.RATE || 30);

export const options = {
  scenarios: {
    normal: {
      executor: "constant-arrival-rate",
      rate: RATE,
      timeUnit: "1s",
      duration: __ENV.DURATION || "30m", // the experiment ends it
      preAllocatedVUs: RATE * 2,
      maxVUs: RATE * 25,
    },
  },
  thresholds: {
    "http_req_failed{phase:baseline}": ["rate<0.01"],
    "http_req_failed{phase:hold}": ["rate<0.02"],
    "http_req_failed{phase:recover}": ["rate<0.02"],
  },
};

// biome-ignore lint/style/noDefaultExport: it is what a k6 script runs.
export default visitPage;
