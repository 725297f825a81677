import { ConfigProvider, Context, DateTime, Effect, Layer, PubSub, Stream } from "effect"
import { layer as MemoryLog } from "../../../src/adapters/memory/EventLog.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { LaneFigures } from "../../../src/commands/reactions/LaneFigures.ts"
import { layer as SettingsLayer } from "../../../src/config.ts"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { type Owed, ReadModel, ReadModelUnavailable } from "../../../src/projections/ReadModel.ts"
import { envelope, FreshDispatcher } from "../../support/commands.ts"
import { NoReadModel } from "../../adapters/http/door.ts"
import { Deliveries } from "./Deliveries.ts"
import { Delivery, DeliveryCommand, type DeliveryState, follow, owedOfDelivery } from "./Delivery.ts"
import { inMemory, Outside } from "./Outside.ts"

interface Known {
  readonly outside: Outside
  /** The read model shows the log up to here. */
  shown: number
  isAway: boolean
  looks: number
  readonly positions: PubSub.PubSub<number>
}

/** A log in memory, a read model that is as far as the test says, and somebody outside. */
export class World extends Context.Service<World, Known>()("test/commands/reactions/World") {}

const statesIn = (records: ReadonlyArray<Recorded>): ReadonlyMap<string, DeliveryState> => {
  const states = new Map<string, DeliveryState>()
  for (const recorded of records) follow(states, recorded)
  return states
}

const rowsIn = (records: ReadonlyArray<Recorded>): ReadonlyArray<Owed> =>
  Array.from(statesIn(records), ([id, state]) => owedOfDelivery(id, state))
    .flatMap((change) => ("put" in change ? [change.put as unknown as Owed] : []))
    .toSorted((one, other) => (`${one.due} ${one.id}` < `${other.due} ${other.id}` ? -1 : 1))

export const records = Effect.gen(function* () {
  const log = yield* EventLog
  const { last } = yield* log.head
  const positions = Array.from({ length: last }, (_, index) => index + 1)
  const all = yield* Effect.forEach(positions, log.at)
  return all.filter((one): one is Recorded => one !== undefined)
})

const played = Effect.gen(function* () {
  const context = yield* Effect.context<EventLog | ReadModel>()
  const world: Known = {
    outside: new Outside(),
    shown: Infinity,
    isAway: false,
    looks: 0,
    positions: yield* PubSub.unbounded<number>(),
  }
  const shown = Effect.gen(function* () {
    world.looks += 1
    const all = yield* records.pipe(Effect.provideContext(context), Effect.orDie)
    // PostgreSQL takes its time.
    yield* Effect.yieldNow
    if (world.isAway) return yield* new ReadModelUnavailable({ reason: "away" })
    const seen = all.slice(0, world.shown)
    return { seq: seen.length, value: rowsIn(seen) }
  })
  const readModel = ReadModel.of({
    ...Context.get(context, ReadModel),
    owed: ({ dueBy, except, kind }, limit) =>
      Effect.map(shown, ({ seq, value }) => ({
        seq,
        value: value
          .filter((owed) => owed.kind === kind && owed.due <= dueBy)
          .filter(({ target }) => target === null || !except.includes(target))
          .slice(0, limit),
      })),
    owing: Effect.map(shown, ({ seq, value }) => ({
      seq,
      value: [{ kind: "delivery", count: value.length, oldest: value[0]?.due ?? "" }],
    })),
  })
  return Context.make(World, world).pipe(
    Context.add(ReadModel, readModel),
    Context.add(Deliveries, inMemory(world.outside)),
    Context.add(
      Projected,
      Projected.of({
        current: Effect.succeed(0),
        reached: () => Effect.succeed(true),
        changes: Stream.fromPubSub(world.positions),
        note: (seq) => Effect.asVoid(PubSub.publish(world.positions, seq)),
        lull: Effect.void,
      }),
    ),
  )
})

const settings = SettingsLayer.pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))),
  Layer.orDie,
)

export const world = Layer.mergeAll(LaneFigures.layer, FreshDispatcher).pipe(
  Layer.provideMerge(Layer.effectContext(played).pipe(Layer.provide(NoReadModel))),
  Layer.provideMerge([MemoryLog, settings]),
)

export const iso = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis))

/** Makes deliveries owed: `ids` to one place each. */
export const request = Effect.fnUntraced(function* (to: string, ...ids: ReadonlyArray<string>) {
  const dispatcher = yield* Dispatcher
  for (const id of ids) {
    const command = DeliveryCommand.cases.RequestDelivery.make({ to, text: "hello" })
    yield* dispatcher.dispatch(Delivery, id, command, envelope(`:request-${id}`))
  }
})

export const stateOf = (id: string) =>
  Effect.gen(function* () {
    const { state } = yield* (yield* Dispatcher).load(Delivery, id)
    return state
  })

/** The projector has come to the end of the log, and says so. */
export const projected = Effect.gen(function* () {
  const { last } = yield* (yield* EventLog).head
  yield* (yield* Projected).note(last)
})
