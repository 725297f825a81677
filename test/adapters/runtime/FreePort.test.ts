import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"
import { listening } from "../../support/listening.ts"

describe("a free port", () => {
  it.live("a free port is another one each time, although nobody listens on it yet", () =>
    Effect.gen(function* () {
      const ports = yield* Effect.all(Array.from({ length: 20 }, () => freePort))
      assert.strictEqual(new Set(ports).size, 20)
      yield* Effect.forEach(ports, listening)
    }),
  )

  it.live("a free port is not one that something listens on", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* listening(port + 1)
      assert.notStrictEqual(yield* freePort, port + 1)
    }),
  )

  it.live("a free port is not one that the system gives to outgoing connections", () =>
    Effect.gen(function* () {
      assert.isBelow(yield* freePort, 32_768)
    }),
  )
})
