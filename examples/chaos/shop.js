// What a customer of the demo shop does, for the scripts beside this file.
import { check } from "k6";
import http from "k6/http";

const SHOP = __ENV.SHOP || "http://127.0.0.1:8080";
const REGIONS = ["eu-west", "us-east", "ap-south"];
const TIERS = ["free", "plus", "business"];
const WORDS = ["lamp", "chair", "kettle", "desk", "shelf"];

/** One page: mostly browsing, some carts. `tags` name the page, not the address, so that they stay few. */
export function visitPage() {
  const session = `load-${__VU}-${__ITER}`;
  const params = {
    timeout: "20s",
    headers: {
      "content-type": "application/json",
      "x-session-id": session,
      "x-edge-region": REGIONS[__ITER % REGIONS.length],
      "x-customer-tier": TIERS[__VU % TIERS.length],
    },
  };
  const dice = Math.random();
  let response;
  if (dice < 0.4) response = http.get(`${SHOP}/`, { ...params, tags: { name: "home" } });
  else if (dice < 0.6)
    response = http.get(`${SHOP}/search?q=${WORDS[__ITER % WORDS.length]}`, { ...params, tags: { name: "search" } });
  else if (dice < 0.8) response = http.get(`${SHOP}/cart`, { ...params, tags: { name: "cart" } });
  else {
    const home = http.get(`${SHOP}/`, { ...params, tags: { name: "home" } });
    const listings = home.status === 200 ? home.json() : [];
    if (listings.length === 0) return;
    const item = JSON.stringify({ listing: listings[0].id, quantity: 1 });
    response = http.post(`${SHOP}/cart/items`, item, { ...params, tags: { name: "add to cart" } });
  }
  check(response, { "answered well": (r) => r.status >= 200 && r.status < 400 });
}
