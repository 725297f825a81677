import { connect as connectPostgres } from "../../src/adapters/postgres/client.ts"
import { LIVE } from "../../src/program.ts"
import { Redacted } from "effect"
import { jetstream } from "@nats-io/jetstream"
import { pause, quantile, quantiles, rounded, until } from "../figures.ts"
import { Program } from "../Program.ts"
import { connectTo } from "../RawLog.ts"
import { atMost } from "../Row.ts"
import { type Run, sized } from "../Run.ts"
import { FreeTask, seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

const WARM_UP = 200

/**
 * From the moment that a record is sent to the log until a query sees what it did. One at a time; the
 * queries follow each other without a pause on a connection of their own.
 */
export const readable: Run = async (context) => {
  const { stage, tell } = context
  const count = sized(context, 1_000, 300) + WARM_UP
  const data = stage.make("readable")
  const takes = await withSeedServer(data, async (connection) => {
    const { agents, free, writer } = await seedCrew(connection, { agents: 1, free: count })
    const { slug = "" } = agents[0] ?? {}
    const actor = { slug, name: slug, type: "agent", role: "member" } as const
    return free.map((id) => writer.prepare(FreeTask, id, { _tag: "TakeTask", actor, slug }, slug))
  })
  const program = new Program(stage, data)
  await program.start()
  const connection = await connectTo(program.where.nats)
  stage.onEnd(() => connection.close())
  const js = jetstream(connection)
  const sql = connectPostgres({ url: Redacted.make(program.where.postgres), schema: LIVE }, { max: 1 })
  stage.onEnd(() => sql.end({ timeout: 1 }))
  const manager = await js.jetstreamManager()
  const lastOf = async () => (await manager.streams.info("CREW")).state.last_seq
  const seenUpTo = async () =>
    (await sql<Array<{ seq: number }>>`select seq from checkpoint where name = 'crew'`)[0]?.seq ?? 0
  const head = await lastOf()
  await until("the read model has all", async () => (await seenUpTo()) >= head)
  await pause(1_000)

  const acknowledged: Array<number> = []
  const seen: Array<number> = []
  for (const [n, { headers, name, payload }] of takes.entries()) {
    await pause(2)
    const sentAt = performance.now()
    const { seq } = await js.publish(name, payload, { headers, retries: 1 })
    const ackAt = performance.now()
    while ((await seenUpTo()) < seq);
    if (n < WARM_UP) continue
    acknowledged.push(ackAt - sentAt)
    seen.push(performance.now() - sentAt)
    if (n % 300 === 0) tell(`${n} of ${count}`)
  }
  const details = { ...quantiles(seen), "of that the append, p50": rounded(quantile(acknowledged, 0.5)) }
  const name = "append, then readable in PostgreSQL"
  return [
    atMost(2, { name: `${name}, p50`, value: rounded(quantile(seen, 0.5)), unit: "ms", details }),
    atMost(5, { name: `${name}, p95`, value: rounded(quantile(seen, 0.95)), unit: "ms" }),
  ]
}
