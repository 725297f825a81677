import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { progressBar } from "../../src/cli/Progress.ts"

const screen = (isTerminal: boolean) => {
  const written: Array<string> = []
  return { written, isTerminal, write: (text: string) => void written.push(text) }
}

describe("progressBar", () => {
  it.effect("progressBar draws one line anew on a terminal, and takes it away at the end", () =>
    Effect.gen(function* () {
      const { written, ...terminal } = screen(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const progress = yield* progressBar("verifying", terminal)
          yield* TestClock.adjust("1 second")
          yield* progress(250_000, 1_000_000)
          yield* progress(250_001, 1_000_000)
          yield* TestClock.adjust("1 second")
          yield* progress(1_000_000, 1_000_000)
        }),
      )
      assert.deepStrictEqual(written, [
        "\rverifying [######..................] 250,000 of 1,000,000, 3 s left\u001b[K",
        "\rverifying [########################] 1,000,000 of 1,000,000\u001b[K",
        "\r\u001b[K",
      ])
      for (const text of written) assert.isAtMost(text.length, 84)
    }),
  )

  it.effect("progressBar prints a line now and then elsewhere, and nothing for what is quick", () =>
    Effect.gen(function* () {
      const { written, ...file } = screen(false)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const progress = yield* progressBar("verifying", file)
          for (const done of [1, 2, 3, 4, 5]) {
            yield* progress(done, 10)
            yield* TestClock.adjust("3 seconds")
          }
        }),
      )
      assert.deepStrictEqual(written, ["verifying [############............] 5 of 10, 12 s left\n"])
    }),
  )
})
