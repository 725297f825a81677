import { Effect, type Scope } from "effect"
import { digest } from "../../adapters/node/Digest.ts"
import { connect, type SchemaAt, type Queries, reasonOf } from "../../adapters/postgres/client.ts"
import { RebuildFailed } from "../../adapters/postgres/rebuild.ts"
import { quoted } from "../../adapters/postgres/statements.ts"
import { storeIn } from "../../adapters/postgres/Store.ts"
import { type Comparison, compare, readLive } from "../../adapters/postgres/swap.ts"
import { type TableHash, tableHash } from "../../adapters/postgres/tableHash.ts"
import { EventLog, type LogDamaged, type LogUnavailable } from "../../domain/EventLog.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { type Progress, project, projectOneByOne } from "../../projections/project.ts"
import { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import { CommandFailed, WrongUsage } from "../CommandFailed.ts"

export interface ReplayedTable extends TableHash {
  readonly table: string
}

/** A read model of one moment, in a schema of its own. */
export interface Replayed {
  readonly seq: number
  readonly schema: string
  readonly tables: ReadonlyArray<ReplayedTable>
  /** Beside the live tables, where those are of the same position; else undefined. */
  readonly live: ReadonlyArray<Comparison> | undefined
}

export interface ReplayOptions {
  /** Takes the place of an earlier replay. */
  readonly replace: boolean
  readonly progress: (seq: number, last: number) => Effect.Effect<void>
}

/** The mark of a schema that a replay made, so that nothing else is ever dropped. */
const MARK = "crewlog replay"

const ask = <Answer>(run: () => PromiseLike<Answer>) =>
  Effect.tryPromise({ try: run, catch: (error) => new ReadModelUnavailable({ reason: reasonOf(error) }) })

const markOf = async (sql: Queries, schema: string) => {
  const [found] = await sql<Array<{ mark: string | null }>>`
    select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = ${schema}`
  return found && (found.mark ?? "")
}

/** True for words that can't name a schema without quotes. */
const isReserved = async (sql: Queries, word: string) => {
  const found = await sql`select from pg_get_keywords() where word = ${word} and catcode in ('R', 'T')`
  return found.length > 0
}

const mark = (sql: Queries, schema: string, text: string) =>
  sql.unsafe(`comment on schema ${quoted(schema)} is '${text.replaceAll("'", "''")}'`)

/** Makes the empty schema, in the place of an earlier replay's if that is wanted. */
const claim = Effect.fnUntraced(function* (sql: Queries, schema: string, replace: boolean) {
  if (yield* ask(() => isReserved(sql, schema))) {
    return yield* new WrongUsage({
      message: `${schema} is a word of SQL's own, and would have to be quoted everywhere. Name another schema.`,
    })
  }
  const before = yield* ask(() => markOf(sql, schema))
  const isReplay = before?.startsWith(MARK) === true
  if (before !== undefined && !(isReplay && replace)) {
    return yield* new CommandFailed({
      message: isReplay
        ? `the schema ${schema} holds an earlier replay. Name another, or add --replace.`
        : `there is a schema ${schema}, and no replay made it. Name another.`,
    })
  }
  yield* ask(() => sql.unsafe(`drop schema if exists ${quoted(schema)} cascade`))
  yield* ask(() => sql.unsafe(`create schema ${quoted(schema)}`))
  yield* ask(() => mark(sql, schema, `${MARK}, unfinished`))
})

/** Projects the log into the schema as a rebuild does: strictly, and in the same batches. */
const projectInto = Effect.fnUntraced(function* (
  place: SchemaAt,
  seq: number,
  told: ReplayOptions["progress"],
) {
  const log = yield* EventLog
  const { epoch } = yield* log.head
  const term = yield* storeIn(place).lead(crewModel)
  const progress: Progress = {
    log,
    digest,
    epoch,
    term,
    at: term.start,
    parked: new Map(),
    strict: true,
    committed: (at) => told(at, seq),
  }
  yield* project(progress, { until: seq }).pipe(
    Effect.catchTag("BatchRefused", ({ upTo }) => projectOneByOne(progress, upTo)),
    Effect.catchTags({
      BatchRefused: ({ reason, upTo }) => Effect.fail(new RebuildFailed({ seq: upTo, reason })),
      TermEnded: ({ reason }) => Effect.fail(new ReadModelUnavailable({ reason })),
    }),
  )
}, Effect.scoped)

const hashes = (sql: Queries, schema: string) =>
  Effect.forEach(crewModel.tables, ({ name: table }) =>
    Effect.map(
      ask(() => tableHash(sql, schema, table)),
      (hash): ReplayedTable => ({ table, ...hash }),
    ),
  )

/** The live tables beside these, if they are of the same position; its writer waits meanwhile. */
const besideLive = Effect.fnUntraced(function* (
  sql: Queries,
  { live, schema, seq }: { readonly live: string; readonly schema: string; readonly seq: number },
) {
  const { epoch } = yield* (yield* EventLog).head
  yield* ask(() => sql`begin`)
  const model = yield* ask(() => readLive(sql, live, true))
  const isComparable = model?.seq === seq && model.log === epoch && model.incomparable === undefined
  const compared = isComparable ? yield* ask(() => compare(sql, live, schema)) : undefined
  yield* ask(() => sql`rollback`)
  return compared
})

/**
 * Makes the whole read model of a position in a schema of its own, and marks it. What fails half-way is
 * dropped; what a crash leaves behind is marked as unfinished, and `replace` takes its place.
 */
export const replayInto = Effect.fn("replayInto")(function* (
  live: SchemaAt,
  schema: string,
  seq: number,
  { progress, replace }: ReplayOptions,
): Effect.fn.Return<
  Replayed,
  CommandFailed | WrongUsage | RebuildFailed | LogDamaged | LogUnavailable | ReadModelUnavailable,
  EventLog | Scope.Scope
> {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => connect(live, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )
  yield* claim(sql, schema, replace)
  yield* projectInto({ ...live, schema }, seq, progress).pipe(
    Effect.onError(() =>
      Effect.ignore(ask(() => sql.unsafe(`drop schema if exists ${quoted(schema)} cascade`))),
    ),
  )
  const tables = yield* hashes(sql, schema)
  yield* ask(() => mark(sql, schema, `${MARK}, as of record ${seq}`))
  return { seq, schema, tables, live: yield* besideLive(sql, { live: live.schema, schema, seq }) }
})
