import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../src/adapters/nats/Connection.ts"
import { spawnChild } from "../src/adapters/runtime/ChildProcess.ts"
import { freePort } from "../src/adapters/runtime/FreePort.ts"
import { natsProgram, toolsFolder } from "../src/adapters/runtime/natsProgram.ts"
import { type Scene, searchPath } from "./Scene.ts"
import { linesOf, Server } from "./Server.ts"
import { until } from "./waiting.ts"

const NAMES = ["n1", "n2", "n3"] as const

/** Three nats-servers in a cluster on loopback. */
export class Cluster {
  readonly target: NatsTarget
  readonly #servers: ReadonlyMap<string, Server>

  private constructor(target: NatsTarget, servers: ReadonlyMap<string, Server>) {
    this.target = target
    this.#servers = servers
  }

  static async start(scene: Scene): Promise<Cluster> {
    const program = await scene.run(natsProgram([toolsFolder, ...searchPath.split(":")]))
    const ports = await scene.run(
      Effect.forEach(NAMES, () => Effect.all({ client: freePort, route: freePort })),
    )
    const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`).join(", ")
    const servers = new Map<string, Server>()
    for (const [index, name] of NAMES.entries()) {
      const { client = 0, route = 0 } = ports[index] ?? {}
      const [config, store] = [join(scene.folder, `${name}.conf`), join(scene.folder, name)]
      mkdirSync(store)
      writeFileSync(
        config,
        `server_name: ${name}
listen: "127.0.0.1:${client}"
jetstream { store_dir: "${store}" }
cluster { name: crew, listen: "127.0.0.1:${route}", routes: [${routes}] }
`,
      )
      scene.own(client)
      const run = Effect.gen(function* () {
        const child = yield* spawnChild({
          program,
          args: ["-c", config],
          folder: scene.folder,
          searchPath,
          stopSignal: "SIGKILL",
          stopWithin: "5 seconds",
        })
        yield* linesOf(child, () => {})
        return child
      })
      servers.set(name, new Server(scene, run))
    }
    await Promise.all([...servers.values()].map((server) => server.start()))
    const url = ports.map(({ client }) => `nats://127.0.0.1:${client}`).join(",")
    const cluster = new Cluster({ url }, servers)
    await until("the cluster has a leader", () => cluster.#serves(), 60_000)
    return cluster
  }

  /** The server that leads the log's stream. */
  leader(): Promise<{ readonly name: string; readonly server: Server }> {
    return until(
      "the log has a leader and its followers are current",
      async () => {
        const info = await this.#ask((manager) => manager.streams.info("CREW")).catch(() => undefined)
        const cluster = info?.cluster
        const name = cluster?.leader ?? ""
        const server = this.#servers.get(name)
        const isWhole =
          cluster?.replicas?.length === 2 &&
          cluster.replicas.every(({ current, offline }) => current && !offline)
        return server === undefined || !isWhole ? undefined : { name, server }
      },
      60_000,
    )
  }

  async #serves(): Promise<true | undefined> {
    return this.#ask(async (manager) => {
      await manager.streams.add({ name: "PROBE", subjects: ["probe"], num_replicas: 3 })
      await manager.streams.delete("PROBE")
      return true as const
    }).catch(() => undefined)
  }

  async #ask<Answer>(
    question: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<Answer>,
  ): Promise<Answer> {
    const connection = await connect({ servers: this.target.url.split(","), reconnect: false })
    try {
      return await question(await jetstreamManager(connection))
    } finally {
      await connection.close()
    }
  }
}
