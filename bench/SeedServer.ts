import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Exit, Redacted, References, Scope } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { prepareStreams } from "../src/adapters/nats/streams.ts"
import { natsServer } from "../src/adapters/runtime/EmbeddedNats.ts"

const searchPath = process.env["PATH"] ?? ""

const quietly = <Value, Failure>(effect: Effect.Effect<Value, Failure>): Promise<Value> =>
  Effect.runPromise(Effect.provideService(effect, References.MinimumLogLevel, "Error"))

/**
 * The nats-server of a program that does not run yet, in its data folder. Does not wait for the disk, so
 * that a large log is there soon; its end puts everything on the disk.
 */
export const withSeedServer = async <Value>(
  data: string,
  work: (connection: NatsConnection) => Promise<Value>,
): Promise<Value> => {
  const folder = join(data, "nats")
  const scope = Scope.makeUnsafe()
  try {
    const { access, start } = await quietly(natsServer({ folder, searchPath }, ["CREW"]))
    const config = join(folder, "server.conf")
    const always = readFileSync(config, "utf8")
    writeFileSync(config, always.replace("sync_interval: always", 'sync_interval: "10m"'))
    await quietly(Scope.provide(start, scope))
    const account = access.get("CREW")
    if (account === undefined) throw new Error("nats-server has no account CREW")
    const target = Redacted.value(account.setup)
    await quietly(prepareStreams(target))
    const connection = await connect({
      servers: target.url,
      user: target.user ?? "",
      pass: target.pass ?? "",
    })
    try {
      return await work(connection)
    } finally {
      await connection.close()
    }
  } finally {
    await quietly(Scope.close(scope, Exit.void))
  }
}
