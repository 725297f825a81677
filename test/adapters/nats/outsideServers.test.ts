import { connect } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../../../src/adapters/nats/Connection.ts"
import { checkOutsideServers } from "../../../src/adapters/nats/outsideServers.ts"
import { spawnChild } from "../../../src/adapters/runtime/ChildProcess.ts"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"
import { natsProgram, toolsFolder } from "../../../src/adapters/runtime/natsProgram.ts"
import { searchPath, temporaryFolder } from "../../support/servers.ts"

interface Server {
  readonly host: string
  readonly sync?: string
  readonly more?: string
}

/** A nats-server as somebody configures it; gone with the scope. */
const serverWith = Effect.fnUntraced(function* ({ host, more = "", sync = "2m" }: Server, user?: string) {
  const folder = yield* temporaryFolder
  const port = yield* freePort
  const config = join(folder, "server.conf")
  const storage = `jetstream { store_dir: "${folder}", sync_interval: ${sync} }`
  writeFileSync(config, `server_name: n1\nlisten: "${host}:${port}"\n${storage}\n${more}`)
  yield* spawnChild({
    program: yield* natsProgram([toolsFolder, ...searchPath.split(":")]),
    args: ["-c", config],
    folder,
    searchPath,
    stopSignal: "SIGKILL",
    stopWithin: "5 seconds",
  })
  const target: NatsTarget = {
    url: `nats://127.0.0.1:${port}`,
    ...(user === undefined ? {} : { user, pass: "p" }),
  }
  const login = { servers: target.url, ...(user === undefined ? {} : { user, pass: "p" }), reconnect: false }
  yield* Effect.tryPromise(async () => (await connect(login)).close()).pipe(Effect.eventually)
  return target
})

const one = { allowOpenNats: false, replicas: 1 }
const ACCOUNTS = `
accounts {
  CREW: { jetstream: enabled, users: [{ user: u, password: p }] }
  SYS: { users: [{ user: s, password: p }] }
}
system_account: SYS`
const TOLD = `
accounts {
  CREW: {
    jetstream: enabled
    users: [{ user: u, password: p }]
    imports: [{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" }, to: "crew.sys.jsz" }]
  }
  SYS: {
    users: [{ user: s, password: p }]
    exports: [{ service: "$SYS.REQ.SERVER.PING.JSZ", response: stream, accounts: [CREW] }]
  }
}
system_account: SYS`

describe("a NATS server of somebody else's", () => {
  it.live(
    "a NATS server of somebody else's is refused when anybody from elsewhere can log in, unless that is wanted",
    () =>
      Effect.gen(function* () {
        for (const [config, user] of [
          [{ host: "0.0.0.0" }, undefined],
          [{ host: "0.0.0.0", more: `${ACCOUNTS}\nno_auth_user: u` }, "u"],
        ] as const) {
          const target = yield* serverWith(config, user)
          const refusal = yield* Effect.flip(checkOutsideServers(target, one))
          assert.include(refusal.message, "listens on 0.0.0.0 and takes logins without credentials")
          assert.include(refusal.message, "CREWLOG_ALLOW_OPEN_NATS=yes")
          yield* checkOutsideServers(target, { ...one, allowOpenNats: true })
        }
      }).pipe(Effect.scoped),
  )

  it.live(
    "a NATS server of somebody else's is taken when only its own machine reaches it, or nobody gets in without credentials",
    () =>
      Effect.gen(function* () {
        yield* checkOutsideServers(yield* serverWith({ host: "127.0.0.1" }), one)
        yield* checkOutsideServers(yield* serverWith({ host: "0.0.0.0", more: ACCOUNTS }, "u"), one)
      }).pipe(Effect.scoped),
  )

  it.live(
    "a NATS server of somebody else's is refused with one replica when it says that it does not write through to its disk",
    () =>
      Effect.gen(function* () {
        const target = yield* serverWith({ host: "127.0.0.1", more: TOLD }, "u")
        const refusal = yield* Effect.flip(checkOutsideServers(target, one))
        assert.include(refusal.message, "n1 does not write through to its disk")
        assert.include(refusal.message, "sync_interval: always")
        yield* checkOutsideServers(target, { ...one, replicas: 3 })
        yield* checkOutsideServers(
          yield* serverWith({ host: "127.0.0.1", sync: "always", more: TOLD }, "u"),
          one,
        )
      }).pipe(Effect.scoped),
  )
})
