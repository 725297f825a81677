import { assert, describe, it } from "vitest"
import { chaosShort } from "./harness.ts"

/** "noticed", or what was printed instead. Where this machine can't make the fault, nothing is to be noticed. */
const verdict = async (promise: string, what: RegExp, ...args: ReadonlyArray<string>): Promise<string> => {
  let told = ""
  // A run may meet nothing that its fault turns on: how it goes is a matter of the machine's moments, too.
  for (const seed of ["5", "6", "7", "8"]) {
    const { code, output } = await chaosShort(["--seed", seed, ...args])
    if (output.includes("THIS MACHINE CAN'T")) return code === 0 ? "noticed" : output
    const isRed = code === 1 && new RegExp(`${promise} .* BROKEN`).test(output)
    if (isRed) return what.test(output) ? "noticed" : output
    told += output
  }
  return told
}

describe("the harness turns red", () => {
  it("without the guard", async () => {
    const args = ["--only", "contest", "--main", "chaos/planted/noGuard.ts"]
    assert.strictEqual(await verdict("P2", /can't have happened/, ...args), "noticed")
  })

  it("without a look at the log after an unknown outcome", async () => {
    const args = ["--only", "contest", "--main", "chaos/planted/noReadBack.ts"]
    assert.strictEqual(
      await verdict("P3", /but took effect|took effect twice|and when repeated/, ...args),
      "noticed",
    )
  })

  it("when answers come before acknowledgements", async () => {
    const args = ["--only", "contest", "--main", "chaos/planted/earlyAnswer.ts"]
    assert.strictEqual(await verdict("P1", /answered 20\d at/, ...args), "noticed")
  })

  it("when a power cut meets the default sync interval", async () => {
    const args = ["--only", "power", "--sync-interval", "2m"]
    assert.strictEqual(await verdict("P1", /answered 20\d at/, ...args), "noticed")
  })

  it("when the projector skips a hole", async () => {
    const args = ["--only", "damage", "--main", "chaos/planted/skipsHole.ts"]
    assert.strictEqual(await verdict("P5", /holes met while projecting: .*SERVED/, ...args), "noticed")
  })
})

describe("without a fault", () => {
  it("the same run is green", async () => {
    const { code, output } = await chaosShort(["--seed", "5", "--only", "contest"])
    assert.strictEqual(code, 0, output)
  })
})
