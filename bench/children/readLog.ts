// Reads the log once, in a process of its own, and tells how long it took:
// readLog.ts <nats url> <last sequence> [<postgres url> <schema>]. With a database it projects what it reads.
// As the program does (src/main.ts).
import "effect/schema/SchemaJITCompiler/enable"
import { DeliverPolicy, jetstream } from "@nats-io/jetstream"
import { Effect, Layer, Redacted, References } from "effect"
import { Nats } from "../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../src/adapters/nats/EventLog.ts"
import { LOG_STREAM } from "../../src/adapters/nats/streams.ts"
import { digest } from "../../src/adapters/node/Digest.ts"
import { storeIn } from "../../src/adapters/postgres/Store.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { crewModel } from "../../src/projections/CrewModel.ts"
import { project, type Progress } from "../../src/projections/project.ts"
import { connectTo } from "../RawLog.ts"

const [url = "", last = "0", database, schema = ""] = process.argv.slice(2)
const until = Number(last)

/** Tells what was done since. */
const clock = () => {
  const started = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { system, user } = process.cpuUsage(before)
    console.log(JSON.stringify({ seconds: (performance.now() - started) / 1_000, cpu: system + user }))
  }
}

/** The least that reading costs. */
const read = async () => {
  const connection = await connectTo(url)
  const consumer = await jetstream(connection).consumers.get(LOG_STREAM, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: 1,
  })
  const tell = clock()
  const messages = await consumer.consume({ max_messages: 2_000 })
  for await (const { seq } of messages) if (seq >= until) break
  tell()
  await connection.close()
}

const projectAll = (postgres: string) => {
  const { host, password, username } = new URL(url)
  const target = {
    url: `nats://${host}`,
    user: decodeURIComponent(username),
    pass: decodeURIComponent(password),
  }
  return Effect.gen(function* () {
    const log = yield* EventLog
    const { epoch } = yield* log.head
    const term = yield* storeIn({ url: Redacted.make(postgres), schema }).lead(crewModel)
    const progress: Progress = {
      log,
      epoch,
      term,
      at: term.start,
      digest,
      parked: new Map(),
      strict: true,
      committed: () => Effect.void,
    }
    const tell = clock()
    yield* project(progress, { until })
    tell()
  }).pipe(
    Effect.scoped,
    Effect.provide(NatsEventLog.pipe(Layer.provide(Nats.layer(target)))),
    Effect.provideService(References.MinimumLogLevel, "Error"),
    Effect.runPromise,
  )
}

await (database === undefined ? read() : projectAll(database))
process.exit(0)
