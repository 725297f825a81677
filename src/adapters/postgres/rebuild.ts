import { Effect, Schema, type Scope } from "effect"
import { EventLog, type LogDamaged, type LogUnavailable } from "../../domain/EventLog.ts"
import { checkLog } from "../../projections/checkLog.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { project, projectOneByOne, type Progress } from "../../projections/project.ts"
import { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import { digest } from "../node/Digest.ts"
import { type Client, connect, type SchemaAt, reasonOf } from "./client.ts"
import { quoted } from "./statements.ts"
import { storeIn } from "./Store.ts"
import { type Comparison, compare, type Live, readLive, swap } from "./swap.ts"

/** A record that the projections can't handle: nothing was changed, the live read model goes on. */
export class RebuildFailed extends Schema.TaggedError<RebuildFailed>()("RebuildFailed", {
  seq: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return this.seq === 0 ? this.reason : `record ${this.seq} can't be projected: ${this.reason}`
  }
}

export interface Rebuilt {
  /** The position of the new read model. */
  readonly seq: number
  readonly tables: ReadonlyArray<Comparison>
  /** The reason why `tables` is empty, if it is: there was nothing to compare with. */
  readonly incomparable: string | undefined
}

export interface RebuildOptions {
  /** Tells after each batch of the position, and of the last one. */
  readonly progress?: (seq: number, last: number) => Effect.Effect<void>
  /** True when it may replace a read model that was made from another log. */
  readonly force?: boolean
}

/**
 * Makes the read model anew from the whole log, beside the live one, in the schema `<schema>_next`;
 * then compares the two at the same position and puts the new one in the old one's place, in one
 * transaction. Servers may run meanwhile: reads go on all the time, projecting waits during the
 * comparison. Strict: the first record that can't be projected ends it.
 */
export const rebuild = Effect.fn("rebuild")(function* (
  place: SchemaAt,
  { force = false, progress: told = () => Effect.void }: RebuildOptions = {},
): Effect.fn.Return<
  Rebuilt,
  RebuildFailed | LogDamaged | LogUnavailable | ReadModelUnavailable,
  EventLog | Scope.Scope
> {
  const log = yield* EventLog
  const live = place.schema
  const next = `${live}_next`
  const old = `${live}_old`
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => connect(place, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )
  yield* alone(sql, live)
  const dropped = ask(() => sql.unsafe(`drop schema if exists ${quoted(next)}, ${quoted(old)} cascade`))
  yield* dropped
  const before = yield* ask(() => readLive(sql, live, false))
  const checked = before === undefined ? Effect.undefined : checkLog(log, before)
  const known = yield* force ? Effect.catchTag(checked, "LogDamaged", () => Effect.undefined) : checked
  const head = known ?? (yield* log.head)
  const isOfThisLog = known !== undefined && before?.log === head.epoch
  const incomparable = isOfThisLog ? before.incomparable : "there is none made from this log"

  const term = yield* storeIn({ ...place, schema: next }).lead(crewModel)
  let target = 0
  const committed = (seq: number) => told(seq, target)
  const progress: Progress = {
    log,
    digest,
    epoch: head.epoch,
    term,
    at: term.start,
    parked: new Map(),
    strict: true,
    committed,
  }
  const upTo = (seq: number) =>
    Effect.suspend(() => {
      target = seq
      return project(progress, { until: seq })
    }).pipe(
      Effect.catchTag("BatchRefused", (refused) => projectOneByOne(progress, refused.upTo)),
      Effect.catchTags({
        BatchRefused: ({ reason, upTo: seq }) => Effect.fail(new RebuildFailed({ seq, reason })),
        TermEnded: ({ reason }) => Effect.fail(new ReadModelUnavailable({ reason })),
      }),
    )

  /** The position to rebuild up to: never beyond the live one while the two are to be compared. */
  const goal = (model: Live | undefined) => (incomparable === undefined ? (model?.seq ?? 0) : head.last)
  yield* upTo(goal(before))
  yield* upTo(goal(yield* ask(() => readLive(sql, live, false))))

  const tables = yield* Effect.gen(function* () {
    yield* ask(() => sql`begin`)
    const model = yield* ask(() => readLive(sql, live, true))
    if (incomparable === undefined) yield* upTo(goal(model))
    const compared = incomparable === undefined ? yield* ask(() => compare(sql, live, next)) : []
    yield* ask(() => swap(sql, live, next, old))
    yield* ask(() => sql`commit`)
    return compared
  }).pipe(Effect.tapError(() => Effect.ignore(ask(() => sql`rollback`))))
  yield* dropped
  return { seq: progress.at.seq, tables, incomparable }
})

const ask = <Answer>(run: () => PromiseLike<Answer>) =>
  Effect.tryPromise({ try: run, catch: (error) => new ReadModelUnavailable({ reason: reasonOf(error) }) })

/** The lock that keeps rebuilds apart. The connection's end gives it back. */
const alone = Effect.fnUntraced(function* (sql: Client, schema: string) {
  const [lock] = yield* ask(
    () => sql<Array<{ won: boolean }>>`
      select pg_try_advisory_lock(hashtext('crewlog rebuild'), hashtext(${schema})) as won`,
  )
  if (lock?.won !== true) return yield* new RebuildFailed({ seq: 0, reason: "another rebuild is running" })
})
