import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"
import * as PortsFree from "../../../src/adapters/runtime/PortsFree.ts"
import { layer as settings } from "../../../src/config.ts"
import { listening } from "../../support/listening.ts"
import { temporaryFolder } from "../../support/servers.ts"

const looked = (env: Record<string, string>) =>
  Layer.build(
    PortsFree.layer.pipe(
      Layer.provide(settings),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
    ),
  )

describe("the ports of a start", () => {
  it.live("the ports that are taken are told all at once, before anything is made", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "data")
      const [http, nats, gateway] = [yield* freePort, yield* freePort, yield* freePort]
      yield* listening(http)
      yield* listening(nats)
      const env = {
        CREWLOG_DATA: folder,
        CREWLOG_PORT: String(http),
        CREWLOG_GATEWAY_PORT: String(gateway),
        CREWLOG_METRICS_PORT: "0",
        CREWLOG_NATS_PORT: String(nats),
      }
      const { message } = yield* Effect.flip(looked(env))
      const [first, second, ...others] = message.split("; and ")
      assert.match(first ?? "", new RegExp(`^CREWLOG_PORT is "${http}", but should be a port that is free`))
      assert.match(second ?? "", new RegExp(`^CREWLOG_NATS_PORT is "${nats}", but should be a port`))
      assert.deepStrictEqual(others, [])
      assert.isFalse(existsSync(folder))
    }),
  )

  it.live("a port that two doors want is told, and free ones are not", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "data")
      const port = String(yield* freePort)
      const env = { CREWLOG_DATA: folder, CREWLOG_PORT: port, CREWLOG_METRICS_PORT: "0" }
      const { message } = yield* Effect.flip(looked({ ...env, CREWLOG_GATEWAY_PORT: port }))
      assert.strictEqual(
        message,
        `CREWLOG_GATEWAY_PORT is "${port}", but should be another port than CREWLOG_PORT (0 takes a free one)`,
      )
      yield* looked({ ...env, CREWLOG_GATEWAY_PORT: "0" })
    }),
  )
})
