import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"
import { natsPortIn, wantedPortFree } from "../../../src/adapters/runtime/natsPort.ts"
import { listening } from "../../support/listening.ts"
import { temporaryFolder } from "../../support/servers.ts"

const HOST = "127.0.0.1"

describe("the port of the embedded nats-server", () => {
  it.live("the port of a folder stays the same over restarts", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const port = yield* natsPortIn(folder, HOST, 0)
      assert.strictEqual(yield* natsPortIn(folder, HOST, 0), port)
      assert.notStrictEqual(yield* natsPortIn(yield* temporaryFolder, HOST, 0), port)
    }),
  )

  it.live("the port of a folder is another one, from then on, where a program has taken it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const port = yield* natsPortIn(folder, HOST, 0)
      const other = yield* Effect.scoped(Effect.andThen(listening(port), natsPortIn(folder, HOST, 0)))
      assert.notStrictEqual(other, port)
      assert.strictEqual(yield* natsPortIn(folder, HOST, 0), other)
    }),
  )

  it.live("a port that is set is used, or refused by the name of its setting", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const port = yield* freePort
      assert.strictEqual(yield* natsPortIn(folder, HOST, port), port)
      yield* wantedPortFree(port, HOST)
      yield* listening(port)
      const { message } = yield* Effect.flip(wantedPortFree(port, HOST))
      assert.match(message, new RegExp(`^CREWLOG_NATS_PORT is "${port}", but should be a port that is free`))
    }),
  )
})
