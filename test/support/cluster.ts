import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../../src/adapters/nats/Connection.ts"
import { spawnChild } from "../../src/adapters/runtime/ChildProcess.ts"
import { freePort } from "../../src/adapters/runtime/FreePort.ts"
import { natsProgram, toolsFolder } from "../../src/adapters/runtime/natsProgram.ts"
import { searchPath, temporaryFolder } from "./servers.ts"

const NAMES = ["n1", "n2", "n3"]

/** Three nats-servers in a cluster on loopback, with a leader; gone with the scope. */
export const startCluster = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const program = yield* natsProgram([toolsFolder, ...searchPath.split(":")])
  const ports = yield* Effect.forEach(NAMES, () => Effect.all({ client: freePort, route: freePort }))
  const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`).join(", ")
  yield* Effect.forEach(NAMES, (name, index) => {
    const { client, route } = ports[index]!
    const config = join(folder, `${name}.conf`)
    mkdirSync(join(folder, name))
    writeFileSync(
      config,
      `server_name: ${name}
listen: "127.0.0.1:${client}"
jetstream { store_dir: "${join(folder, name)}" }
cluster { name: crew, listen: "127.0.0.1:${route}", routes: [${routes}] }
`,
    )
    return spawnChild({
      program,
      args: ["-c", config],
      folder,
      searchPath,
      stopSignal: "SIGKILL",
      stopWithin: "5 seconds",
    })
  })
  const target: NatsTarget = { url: ports.map(({ client }) => `nats://127.0.0.1:${client}`).join(",") }
  yield* Effect.tryPromise(() => serving(target)).pipe(Effect.eventually)
  return target
})

/** All three are there and JetStream has elected its leader. */
const serving = async ({ url }: NatsTarget) => {
  const connection = await connect({ servers: url.split(","), reconnect: false })
  try {
    const jsm = await jetstreamManager(connection)
    await jsm.streams.add({ name: "PROBE", subjects: ["probe"], num_replicas: 3 })
    await jsm.streams.delete("PROBE")
  } finally {
    await connection.close()
  }
}
