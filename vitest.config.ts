import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    reporters: ["default", "./test/support/totals.ts"],
    // Output of tests that failed only.
    silent: "passed-only",
    pool: "forks",
    // A disk may stall for ten seconds, and fails no test by that: what is waited for is waited for longer.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["test/**/*.test.ts"],
          globalSetup: ["test/support/servers.ts"],
        },
      },
      {
        // Minutes long, and it needs the machine for itself: `npm test` runs it after the others.
        extends: true,
        test: {
          name: "chaos",
          include: ["test/chaos/*.chaos.ts"],
          testTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
