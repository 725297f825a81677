import { Effect, Layer } from "effect"
import { ReadModel } from "../../projections/ReadModel.ts"
import { crewReads } from "./crewReads.ts"
import { Database } from "./Database.ts"
import { feedReads } from "./feedReads.ts"
import { messageReads } from "./messageReads.ts"
import { taskReads } from "./taskReads.ts"

/** The read model as PostgreSQL holds it: each question one statement, and so one snapshot. */
export const layer: Layer.Layer<ReadModel, never, Database> = Layer.effect(
  ReadModel,
  Effect.map(Database, (database) =>
    ReadModel.of({
      ...taskReads(database),
      ...messageReads(database),
      ...crewReads(database),
      ...feedReads(database),
    }),
  ),
)
