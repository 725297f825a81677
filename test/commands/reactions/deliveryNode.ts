import { ConfigProvider, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { layer as AnnouncementsLayer } from "../../../src/adapters/nats/Announcements.ts"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as EventLogLayer } from "../../../src/adapters/nats/EventLog.ts"
import { layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import { layer as ReadModelLayer } from "../../../src/adapters/postgres/ReadModel.ts"
import { layer as StoreLayer } from "../../../src/adapters/postgres/Store.ts"
import { LaneFigures } from "../../../src/commands/reactions/LaneFigures.ts"
import type { Reaction } from "../../../src/commands/reactions/Reaction.ts"
import { runLane } from "../../../src/commands/reactions/runLane.ts"
import { whileLeading } from "../../../src/commands/reactions/whileLeading.ts"
import { layer as SettingsLayer } from "../../../src/config.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { isRecorded } from "../../../src/domain/Line.ts"
import { Announcements } from "../../../src/projections/Announcements.ts"
import { owed } from "../../../src/projections/Owed.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { type Model, Store } from "../../../src/projections/Store.ts"
import { Writes } from "../../../src/projections/Writes.ts"
import { FreshDispatcher } from "../../support/commands.ts"
import { Deliveries } from "./Deliveries.ts"
import { type DeliveryState, follow, owedOfDelivery } from "./Delivery.ts"
import { makeDeliver } from "./deliver.ts"
import { overHttp } from "./overHttp.ts"

// A node in a process of its own: projects what is owed, and delivers it when it leads. It asks at every step
// whether it is to die there, or to freeze.

const Given = Schema.Struct({
  nats: Schema.Struct({ url: Schema.String, user: Schema.String, pass: Schema.String }),
  databaseUrl: Schema.String,
  outside: Schema.String,
  script: Schema.String,
})
const given = Schema.decodeUnknownSync(Schema.fromJsonString(Given))(process.argv[2])

const headers = { pid: String(process.pid) }
const isSignal = Schema.is(Schema.Literals(["SIGKILL", "SIGSTOP"]))

const reached = (step: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${given.script}/${step.replaceAll(" ", "-")}`, { headers })
    const signal = await response.text()
    if (isSignal(signal)) process.kill(process.pid, signal)
  })

const between = <A, E>(before: string, effect: Effect.Effect<A, E>, after: string) =>
  reached(before).pipe(
    Effect.andThen(effect),
    Effect.tap(() => reached(after)),
  )

const mortal = ({ inquire, perform, records, ...deliver }: Reaction<string>): Reaction<string> => ({
  ...deliver,
  inquire: (owed) => between("before inquiry", inquire!(owed), "after inquiry"),
  perform: (owed) => between("before call", perform(owed), "after call"),
  records: {
    done: (...all) => between("before record", records!.done(...all), "after record"),
    postpone: (...all) => between("before postponement", records!.postpone(...all), "after postponement"),
    giveUp: (...all) => between("before giving up", records!.giveUp(...all), "after giving up"),
  },
})

const model: Model = { name: "crew", tables: [owed], version: "deliveries" }

/** Keeps the table of what is owed, as the projector does, one record at a time. */
const projecting = Effect.gen(function* () {
  const log = yield* EventLog
  const store = yield* Store
  const projected = yield* Projected
  const announcements = yield* Announcements

  const lead = Effect.gen(function* () {
    const term = yield* store.lead(model)
    const { epoch } = yield* log.head
    const states = new Map<string, DeliveryState>()
    let at = term.start.seq
    const tell = Effect.suspend(() => Effect.andThen(announcements.publish(at), projected.note(at)))
    yield* tell
    const following = log.follow(0).pipe(
      Stream.filter(isRecorded),
      Stream.runForEach((recorded) =>
        Effect.gen(function* () {
          const { record, seq, subject } = recorded
          const writes = new Writes()
          writes.add(owedOfDelivery(subject.id, follow(states, recorded)))
          if (seq <= at) return
          const to = { seq, hash: record.hash, log: epoch }
          yield* term.commit({ from: at, to, writes: writes.tables })
          at = seq
          yield* tell
        }),
      ),
    )
    return yield* Effect.raceFirst(following, term.ended)
  })
  return yield* Effect.forever(Effect.ignore(Effect.scoped(lead)))
})

const node = Effect.gen(function* () {
  const lane = runLane(mortal(yield* makeDeliver))
  yield* Effect.sync(() => process.stdout.write("ready\n"))
  return yield* Effect.all([projecting, whileLeading(Effect.andThen(reached("taking over"), lane))], {
    concurrency: "unbounded",
    discard: true,
  })
})

const outside = overHttp(given.outside, headers)
const send: Deliveries["Service"]["send"] = (key, letter) =>
  Effect.andThen(reached("sending"), outside.send(key, letter))

const place = { url: Redacted.make(given.databaseUrl), schema: "crewlog" }
const settings = SettingsLayer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
const parts = Layer.mergeAll(LaneFigures.layer, FreshDispatcher, Projected.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(EventLogLayer, AnnouncementsLayer, ReadModelLayer, StoreLayer)),
  Layer.provideMerge(Layer.mergeAll(Nats.layer(given.nats), DatabaseLayer(place), settings)),
  Layer.provideMerge(Layer.succeed(Deliveries, { ...outside, send })),
)

await Effect.runPromise(Effect.provide(node, parts))
