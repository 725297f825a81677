import { Context, Effect, Layer } from "effect"
import { ReadModelUnavailable, ValuesRefused } from "../../projections/ReadModel.ts"
import { type Client, connect, isRefusal, type SchemaAt, reasonOf } from "./client.ts"

const CONNECTIONS = 8
const LONGEST = "5 seconds"
const LONGEST_STATEMENT = "4s"

/** The place of the read model, and connections to read it with. */
export class Database extends Context.Service<
  Database,
  SchemaAt & {
    /** Asks one question. Every failure is an outage: reads change nothing, so that they may be asked again. Values that no column holds are a defect. */
    readonly ask: <Answer>(
      question: (sql: Client) => PromiseLike<Answer>,
    ) => Effect.Effect<Answer, ReadModelUnavailable>
  }
>()("crewlog/adapters/postgres/Database") {}

/** Connects when first asked, and again after every outage. */
export const layer = (place: SchemaAt): Layer.Layer<Database> =>
  Layer.effect(
    Database,
    Effect.gen(function* () {
      const sql = yield* Effect.acquireRelease(
        Effect.sync(() =>
          connect(place, { max: CONNECTIONS, connection: { statement_timeout: LONGEST_STATEMENT } }),
        ),
        (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
      )
      return Database.of({
        ...place,
        ask: (question) =>
          Effect.tryPromise({
            try: () => question(sql),
            catch: (error) =>
              isRefusal(error)
                ? new ValuesRefused({ reason: reasonOf(error) })
                : new ReadModelUnavailable({ reason: reasonOf(error) }),
          }).pipe(
            Effect.catchTag("ValuesRefused", Effect.die),
            Effect.timeoutOrElse({
              duration: LONGEST,
              orElse: () => Effect.fail(new ReadModelUnavailable({ reason: `no answer within ${LONGEST}` })),
            }),
          ),
      })
    }),
  )
