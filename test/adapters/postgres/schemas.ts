import { Effect, Layer, Redacted, type Scope } from "effect"
import { digest, layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { type Client, connect, type SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import { layer as ReadModelLayer } from "../../../src/adapters/postgres/ReadModel.ts"
import { layer as StoreLayer, storeIn } from "../../../src/adapters/postgres/Store.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { project, type Progress } from "../../../src/projections/project.ts"
import type { Term } from "../../../src/projections/Store.ts"
import { LocalAnnouncements } from "../../projections/announcing.ts"
import type { CrewLog } from "../../projections/CrewLog.ts"
import { freshDatabase } from "../../support/servers.ts"

/** A schema of its own in a database of its own. */
export const freshSchema: Effect.Effect<SchemaAt, never, Scope.Scope> = Effect.map(freshDatabase, (url) => ({
  url: Redacted.make(url),
  schema: "crewlog",
}))

/** A connection of the test itself. */
export const clientOf = (place: SchemaAt): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => connect(place, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )

export const progressOf = (log: EventLog["Service"], term: Term, epoch: string): Progress => ({
  log,
  epoch,
  term,
  at: term.start,
  digest,
  parked: new Map(),
  committed: () => Effect.void,
})

/** All that a node has for projecting and reading, on a log in memory. */
export const everything = (place: SchemaAt, log: CrewLog) =>
  Projected.layer.pipe(
    Layer.provideMerge([
      ReadModelLayer,
      StoreLayer,
      LocalAnnouncements,
      Layer.sync(EventLog, () => log.service),
      DigestLayer,
    ]),
    Layer.provideMerge(DatabaseLayer(place)),
  )

/** Projects a log up to a position, in a term of its own. */
export const projectTo = (place: SchemaAt, log: EventLog["Service"], until: number, largest = 1_000) =>
  Effect.gen(function* () {
    const term = yield* storeIn(place).lead(crewModel)
    const { epoch } = yield* log.head
    yield* project(progressOf(log, term, epoch), { until, largest })
  }).pipe(Effect.scoped)

/** Asks until the answer is what is waited for. */
export const until = <A, E, R>(
  question: Effect.Effect<A, E, R>,
  isIt: (answer: A) => boolean,
): Effect.Effect<A, E, R> =>
  Effect.suspend(() =>
    Effect.flatMap(question, (answer) =>
      isIt(answer)
        ? Effect.succeed(answer)
        : Effect.andThen(Effect.sleep("10 millis"), until(question, isIt)),
    ),
  )
