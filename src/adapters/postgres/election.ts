import { Effect } from "effect"
import type { Model } from "../../projections/Store.ts"
import { type Client, reasonOf } from "./client.ts"

const TRY_AGAIN = "250 millis"
const LOOK_AT_HOLDER_EVERY = 4
const FROZEN_AFTER = "3 seconds"

/**
 * Waits until this connection's session holds the model's advisory lock, and gives the session's
 * backend. PostgreSQL frees the lock as soon as the holder's connection ends, however it died.
 *
 * A holder that is frozen (SIGSTOP, a lost network) keeps its connection. A living one asks
 * something at least twice a second; so a session that has the lock and was idle for 3 seconds
 * belongs to nobody, and is ended by those who wait. Should it wake up, its next transaction finds
 * no connection, and even one that had slipped through would fail at the epoch.
 */
export const elected = Effect.fnUntraced(function* (sql: Client, schema: string, model: Model) {
  const lock = [`crewlog ${schema}`, model.name] as const
  let outage = ""
  for (let round = 1; ; round++) {
    const answer = yield* Effect.promise(() => attempt(sql, lock, round % LOOK_AT_HOLDER_EVERY === 0))
    if (answer.pid !== undefined) return answer.pid
    if (answer.outage !== outage && answer.outage !== "") {
      yield* Effect.logWarning(`PostgreSQL is away: ${answer.outage}`)
    }
    outage = answer.outage
    yield* Effect.sleep(TRY_AGAIN)
  }
})

type Lock = readonly [string, string]

const attempt = async (sql: Client, lock: Lock, lookAtHolder: boolean) => {
  try {
    const [row] = await sql<Array<{ won: boolean; pid: number }>>`
      select pg_try_advisory_lock(hashtext(${lock[0]}), hashtext(${lock[1]})) as won, pg_backend_pid() as pid`
    if (row?.won === true) return { pid: row.pid, outage: "" }
    if (lookAtHolder) await endFrozen(sql, lock)
    return { pid: undefined, outage: "" }
  } catch (error) {
    return { pid: undefined, outage: reasonOf(error) }
  }
}

const endFrozen = (sql: Client, lock: Lock) => sql`
  select pg_terminate_backend(holder.pid)
  from pg_locks held join pg_stat_activity holder using (pid)
  where held.locktype = 'advisory' and held.granted and held.objsubid = 2
    and held.database = (select oid from pg_database where datname = current_database())
    and held.classid = hashtext(${lock[0]})::oid and held.objid = hashtext(${lock[1]})::oid
    and holder.state like 'idle%' and holder.state_change < clock_timestamp() - ${FROZEN_AFTER}::interval`
