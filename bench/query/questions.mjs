// What is asked. Each question of a kind is another value, so that no cache of conditions or answers can know it: `n` counts up.

/** @returns kinds of question: name, aim in ms at 10 M rows, and the n-th question as path, or as several asked at once. */
export function questions(store) {
  const day = `from=${store.fromMs}&to=${store.toMs}`;
  const where = (...filters) => filters.map((filter) => `where=${encodeURIComponent(filter)}`).join("&");
  const services = ["gateway", "catalogue", "cart", "checkout", "payment", "worker", "search", "recommend"];
  // A day that begins another minute each time: as long, and never asked before.
  const shifted = (n) => `from=${store.fromMs - (n + 1) * 60_000}&to=${store.toMs - (n % 7) * 60_000}`;
  return [
    { name: "trace by id", aimMs: 50, path: (n) => `/api/traces/${store.traces[n % store.traces.length]}` },
    {
      name: "span search: a service's failed ones over a duration, newest 50",
      path: (n) =>
        `/api/spans?${day}&${where(`service = ${services[n % 8]}`, `duration > ${100 + n}ms`, "status = error")}`,
    },
    {
      name: "trace search: by attribute, newest 50",
      path: (n) => `/api/traces?${day}&${where(`attributes.user.id = ${7 * n + 3}`)}`,
    },
    { name: "services RED over 24 h", aimMs: 100, path: (n) => `/api/services?${shifted(n)}` },
    {
      name: "top 10 slowest",
      aimMs: 50,
      path: (n) => `/api/spans?${shifted(n)}&sort=duration&limit=10`,
    },
    {
      name: "top 10 slowest of an operation",
      aimMs: 50,
      path: (n) => `/api/spans?${shifted(n)}&sort=duration&limit=10&${where(`service = ${services[n % 8]}`)}`,
    },
    {
      name: "rare word in logs (one line of 65,000), newest 100",
      aimMs: 100,
      // One line of each load has the word `needle<i>`; i % 10000 = 77.
      path: (n) => `/api/logs?${day}&text=needle${(n % 6) * 10_000 + 77}`,
    },
    { name: "rare word in logs (none)", aimMs: 100, path: (n) => `/api/logs?${day}&text=absent${n}` },
    { name: "common word, newest 100", path: (n) => `/api/logs?${shifted(n)}&text=customer&limit=100` },
    { name: "log histogram by severity", path: (n) => `/api/logs/histogram?${shifted(n)}&groupBy=severity` },
    {
      name: "log histogram of a word",
      path: (n) => `/api/logs/histogram?${day}&groupBy=severity&${where(`body ~ ${(n * 13) % 900}`)}`,
    },
    {
      name: "group by an attribute with a column (http.route)",
      aimMs: 500,
      path: (n) => `/api/spans/facets?${shifted(n)}&field=attributes.http.route`,
    },
    {
      name: "group by an attribute of the map (customer.tier)",
      aimMs: 500,
      path: (n) => `/api/spans/facets?${shifted(n)}&field=attributes.customer.tier`,
    },
    {
      name: "group by an attribute of 20,000 values (user.id)",
      aimMs: 500,
      path: (n) => `/api/spans/facets?${shifted(n)}&field=attributes.user.id`,
    },
    {
      name: "group by a resource attribute (host.name)",
      aimMs: 500,
      path: (n) => `/api/spans/facets?${shifted(n)}&field=resource.host.name`,
    },
    {
      name: "differences of the slow",
      path: (n) => `/api/spans/differences?${shifted(n)}&selectMinDuration=${800 + n}ms`,
    },
    { name: "home", aimMs: 300, path: () => "/api/home" },
  ];
}
