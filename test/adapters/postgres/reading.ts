import { layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Database, layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import { layer as ReadModelLayer } from "../../../src/adapters/postgres/ReadModel.ts"
import { layer as ReceiptsLayer } from "../../../src/adapters/postgres/Receipts.ts"
import type { Receipts } from "../../../src/commands/Receipts.ts"
import { ReadModel } from "../../../src/projections/ReadModel.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { crewOn } from "../../projections/crews.ts"
import { freshSchema, projectTo } from "./schemas.ts"

const FreshReadModel = Layer.merge(ReadModelLayer, ReceiptsLayer).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(freshSchema, DatabaseLayer))),
)

/** The read model of what was done on a log. */
export const after = <A>(act: (crew: ReturnType<typeof crewOn>) => A) =>
  Effect.gen(function* () {
    const log = new CrewLog()
    const value = act(crewOn(log))
    yield* projectTo(yield* Database, log.service, log.records.length)
    return { ...value, log, model: yield* ReadModel }
  })

/** A test with a read model of its own. */
export const fresh =
  (name: string) =>
  <E>(test: Effect.Effect<void, E, ReadModel | Receipts | Database>) =>
    layer(FreshReadModel)((it) => it.effect(name, () => test))
