import { defineConfig } from "vitest/config";

/** Suites against the built program: real processes, real sockets, a real browser. One file at a time. */
export default defineConfig({
  test: {
    root: "test/e2e",
    include: ["**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
