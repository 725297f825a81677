import { Effect } from "effect"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { type Model, RowsRefused, type Term, TermEnded } from "../../projections/Store.ts"
import type { Row } from "../../projections/Table.ts"
import { commitStatement } from "./commit.ts"
import { type Client, isRefusal, reasonOf } from "./client.ts"
import { quoted, textArray } from "./statements.ts"
import type { TakenOver } from "./takeOver.ts"
import { areWhole } from "./wholeTables.ts"

const BEAT = "500 millis"
/** Milliseconds in which PostgreSQL answers. */
const LONGEST = 30_000

/** The work of a model's one writer, on the session that was elected. */
export const termOn = (sql: Client, model: Model, pid: number, { epoch, start }: TakenOver): Term => {
  const attempt = <Answer>(run: () => PromiseLike<Answer>) =>
    Effect.tryPromise({
      try: () => within(LONGEST, run()),
      catch: (error) =>
        isRefusal(error)
          ? new RowsRefused({ reason: reasonOf(error) })
          : new TermEnded({ reason: reasonOf(error) }),
    })
  const ask = <Answer>(run: () => PromiseLike<Answer>) =>
    attempt(run).pipe(Effect.catchTag("RowsRefused", ({ reason }) => Effect.fail(new TermEnded({ reason }))))

  const beat = ask(() => sql<Array<{ pid: number }>>`select pg_backend_pid() as pid`).pipe(
    Effect.filterOrFail(
      ([session]) => session?.pid === pid,
      () => new TermEnded({ reason: "the session that held the lock is gone" }),
    ),
    Effect.andThen(ask(() => areWhole(sql, model))),
    Effect.filterOrFail(
      (whole) => whole,
      () => new TermEnded({ reason: "tables of it are missing, and have to be made anew" }),
    ),
    Effect.delay(BEAT),
  )

  const clockBefore = (seq: number) =>
    ask(
      () => sql<Array<{ at: string }>>`
        select at from feed where seq < ${seq} order by seq desc, idx desc limit 1`,
    ).pipe(Effect.map(([row]) => row?.at ?? ""))

  return {
    start,
    parked: ask(
      () =>
        sql<
          Array<ParkedRow>
        >`select seq, type, id, record, error from parked where model = ${model.name} order by seq`,
    ).pipe(Effect.map((rows) => rows.map(parkedOf))),
    rows: (table, ids) =>
      ask(() =>
        sql.unsafe<Array<Row>>(
          `select * from ${quoted(table.name)} where id = any($1::text[])`,
          [textArray(ids)],
          {
            prepare: true,
          },
        ),
      ),
    clock: clockBefore(Number.MAX_SAFE_INTEGER),
    clockBefore,
    commit: (transaction) =>
      Effect.try({
        try: () => commitStatement(model, epoch, transaction),
        catch: (error) => new RowsRefused({ reason: reasonOf(error) }),
      }).pipe(
        Effect.flatMap(({ parameters, text }) =>
          attempt(() => sql.unsafe(text, parameters, { prepare: true })),
        ),
        Effect.filterOrFail(
          (written) => written.length === 1,
          () => new TermEnded({ reason: "another process writes the read model now" }),
        ),
        Effect.asVoid,
      ),
    ended: Effect.forever(beat),
  }
}

/** Every commit goes through here: to race it against a fiber that sleeps would cost more. */
const within = <Answer>(millis: number, answer: PromiseLike<Answer>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const late = () => reject(new Error(`PostgreSQL gave no answer within ${millis} ms`))
    const timer = setTimeout(late, millis)
    const end = () => clearTimeout(timer)
    answer.then(resolve, reject).then(end, end)
  })

interface ParkedRow extends Pick<Recorded, "seq" | "record"> {
  readonly type: string
  readonly id: string
  readonly error: string
}

const parkedOf = ({ error, id, record, seq, type }: ParkedRow) => ({
  recorded: { seq, subject: { type, id }, record },
  error,
})
