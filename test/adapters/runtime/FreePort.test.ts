import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type Server } from "node:net"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"

const listening = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Server, Error>((resume) => {
      const server = createServer()
      server.on("error", (error) => resume(Effect.fail(error)))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  )

describe("a free port", () => {
  it.live("is another one each time, although nobody listens on it yet", () =>
    Effect.gen(function* () {
      const ports = yield* Effect.all(Array.from({ length: 20 }, () => freePort))
      assert.strictEqual(new Set(ports).size, 20)
      yield* Effect.forEach(ports, listening)
    }),
  )

  it.live("is not one that something listens on", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* listening(port + 1)
      assert.notStrictEqual(yield* freePort, port + 1)
    }),
  )

  it.live("is not one that the system gives to outgoing connections", () =>
    Effect.gen(function* () {
      assert.isBelow(yield* freePort, 32_768)
    }),
  )
})
