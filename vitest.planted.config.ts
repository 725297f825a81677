import { defineConfig } from "vitest/config"

// Long, and about the harness rather than the program: apart from `make test`.
export default defineConfig({
  test: { include: ["test/chaos/planted.chaos.ts"], pool: "forks", testTimeout: 300_000 },
})
