import { assert, it } from "vitest"
import { chaosShort } from "./harness.ts"

// Another seed each time, so that more is tried; it stands in the output, for `make chaos-short ARGS="--seed <n>"`.
it("the promises are kept under faults", async () => {
  const { code, output } = await chaosShort([], (text) => process.stdout.write(text))
  const verdict = output.split("\n").filter((line) => line.startsWith("chaos:"))
  assert.strictEqual(code, 0, verdict.join("\n"))
})
