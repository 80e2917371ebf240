import { defineConfig } from "vitest/config";

/** Unit tests stand beside the code; what belongs to no module is in test/. Suites with a server have their own config. */
export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "demo/**/*.test.ts", "web/src/**/*.test.{ts,tsx}", "test/*.test.ts"],
    pool: "forks",
    testTimeout: 90_000,
    hookTimeout: 120_000,
  },
});
