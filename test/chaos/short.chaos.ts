import { assert, it } from "vitest"
import { chaosShort } from "./harness.ts"

// Another seed each time, so that more is tried; it stands in the output, for `make chaos-short ARGS="--seed <n>"`.
it("the promises are kept under faults", async () => {
  const { code } = await chaosShort([], (text) => process.stdout.write(text))
  assert.strictEqual(code, 0, "the table says what was broken, and the seed")
})
