import { Effect, Layer, type Scope } from "effect"
import { type Model, Store, type Term } from "../../projections/Store.ts"
import { connect, type SchemaAt, reasonOf } from "./client.ts"
import { Database } from "./Database.ts"
import { elected } from "./election.ts"
import { takeOver } from "./takeOver.ts"
import { termOn } from "./term.ts"

const TRY_AGAIN = "250 millis"

/**
 * Terms in one schema. Each has a connection of its own, which holds the lock and writes the
 * tables, so that who lost the one can't do the other.
 *
 * `synchronous_commit = off` is safe here: a PostgreSQL that crashes may lose the last transactions
 * (well under a second of them), but always rows and checkpoint together, and never one without
 * those after it. The log is the truth; the next term reads on from the checkpoint that is left.
 */
export const storeIn = (place: SchemaAt): Store["Service"] => {
  const lead = Effect.fn("Store.lead")(function* (model: Model): Effect.fn.Return<Term, never, Scope.Scope> {
    const sql = yield* Effect.acquireRelease(
      Effect.sync(() =>
        connect(place, {
          max: 1,
          connection: {
            synchronous_commit: "off",
            // Arrays of any length are planned alike: planning them anew each time was a fifth of the work.
            plan_cache_mode: "force_generic_plan",
            // Everything is looked up by key; a plan made while the tables were empty must not say otherwise.
            enable_seqscan: "off",
            application_name: `crewlog ${model.name}`,
          },
        }),
      ),
      (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
    )
    while (true) {
      const pid = yield* elected(sql, place.schema, model)
      const term = yield* Effect.tryPromise(() => takeOver(sql, place.schema, model, pid)).pipe(
        Effect.map((taken) => termOn(sql, model, pid, taken)),
        Effect.catch((error) =>
          Effect.logWarning(`can't take over the read model: ${reasonOf(error.cause)}`),
        ),
      )
      if (term !== undefined) return term
      yield* Effect.sleep(TRY_AGAIN)
    }
  })
  return Store.of({ lead })
}

export const layer: Layer.Layer<Store, never, Database> = Layer.effect(
  Store,
  Effect.map(Database, (database) => storeIn(database)),
)
