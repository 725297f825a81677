import { cpuOf, cpuOfFamily } from "../processes.ts"
import { connect as connectPostgres } from "../../src/adapters/postgres/client.ts"
import { Redacted } from "effect"
import { answerOf } from "../child.ts"
import { median, rounded, sum } from "../figures.ts"
import { EmbeddedServers } from "../EmbeddedServers.ts"
import { atLeast, shown } from "../Row.ts"
import { type Run, sized } from "../Run.ts"
import { seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

interface Told {
  readonly seconds: number
  /** Microseconds of processor time meanwhile. */
  readonly cpu: number
}

/** The speed at which an empty read model reaches the head of a log, against a consumer that does nothing. */
export const catchUp: Run = async (context) => {
  const { stage, tell } = context
  const records = sized(context, 150_000, 40_000)
  const rounds = sized(context, 5, 3)
  const data = stage.make("catchup")
  const { writer } = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: 20, free: 10, records }),
  )
  const { last } = writer
  const servers = await EmbeddedServers.start(stage, data)
  const sql = connectPostgres({ url: Redacted.make(servers.postgres), schema: "public" }, { max: 1 })
  stage.onEnd(() => sql.end({ timeout: 1 }))

  const idle: Array<number> = []
  const projected: Array<number> = []
  const cpu = { program: [] as Array<number>, nats: [] as Array<number>, postgres: [] as Array<number> }
  for (let n = 0; n < rounds; n++) {
    const bare = await answerOf<Told>(stage, "readLog.ts", [servers.nats, String(last)])
    idle.push(last / bare.seconds)
    const before = { nats: cpuOf(servers.natsPid), postgres: cpuOfFamily(servers.postgresPid) }
    const schema = `round_${n}`
    const own = await answerOf<Told>(stage, "readLog.ts", [
      servers.nats,
      String(last),
      servers.postgres,
      schema,
    ])
    projected.push(last / own.seconds)
    cpu.program.push(own.cpu / last)
    cpu.nats.push((cpuOf(servers.natsPid) - before.nats) / last)
    cpu.postgres.push((cpuOfFamily(servers.postgresPid) - before.postgres) / last)
    await sql.unsafe(`drop schema ${schema} cascade`)
    tell(
      `round ${n + 1} of ${rounds}: bare ${rounded(last / bare.seconds)}/s, projected ${rounded(last / own.seconds)}/s`,
    )
  }
  const mean = (values: ReadonlyArray<number>) => rounded(sum(values) / values.length)
  const baseline = rounded(median(idle))
  return [
    shown({
      name: "ordered consumer that does nothing",
      value: baseline,
      unit: "/s",
      details: { best: rounded(Math.max(...idle)), records: last },
    }),
    atLeast(0.3, {
      name: "projection catch-up",
      value: rounded(median(projected)),
      unit: "/s",
      baseline,
      details: {
        best: rounded(Math.max(...projected)),
        "program µs/op": mean(cpu.program),
        "nats µs/op": mean(cpu.nats),
        "postgres µs/op": mean(cpu.postgres),
      },
    }),
  ]
}
