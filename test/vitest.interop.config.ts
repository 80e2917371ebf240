import { defineConfig } from "vitest/config";

/**
 * Other people's senders against the receivers: SDKs of other languages and the OpenTelemetry Collector, fetched from their
 * package registries and built here. Needs python3 and go; what is not to be had is skipped and says why.
 */
export default defineConfig({
  test: {
    root: "test/interop",
    include: ["**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 1_200_000,
  },
});
