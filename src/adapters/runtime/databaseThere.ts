import { Effect, Redacted, Ref, Schedule, Schema } from "effect"
import { Database } from "../postgres/Database.ts"
import { Servers } from "./Servers.ts"

const WITHIN = "30 seconds"
const TRY_AGAIN = Schedule.spaced("500 millis")

/** The PostgreSQL that DATABASE_URL names was not there while the program started. */
class DatabaseMissing extends Schema.TaggedError<DatabaseMissing>()("DatabaseMissing", {
  /** Without a login. */
  address: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `DATABASE_URL names ${this.address}, which could not be asked within ${WITHIN}: ${this.reason}. Start that PostgreSQL, or set DATABASE_URL to another`
  }
}

/** A url without its login and its options. */
const addressOf = (url: string) => {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

/**
 * Waits until the PostgreSQL that DATABASE_URL names answers. A start without one ends: an outage later does not, but
 * a wrong setting would look like one for ever.
 */
export const databaseThere = Effect.gen(function* () {
  const { databaseUrl, embedded } = yield* Servers
  if (embedded.postgres) return
  const { ask } = yield* Database
  const last = yield* Ref.make("no answer")
  yield* ask((sql) => sql`select 1`).pipe(
    Effect.tapError(({ reason }) => Ref.set(last, reason)),
    Effect.retry(TRY_AGAIN),
    Effect.timeoutOrElse({
      duration: WITHIN,
      orElse: () =>
        Effect.flatMap(Ref.get(last), (reason) =>
          Effect.fail(new DatabaseMissing({ address: addressOf(Redacted.value(databaseUrl)), reason })),
        ),
    }),
  )
})
