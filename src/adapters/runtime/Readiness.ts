import { Effect, Layer } from "effect"
import { EventLog } from "../../domain/EventLog.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { Projected } from "../../projections/Projected.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { type Asides, SetAside } from "../../projections/SetAside.ts"
import { usageModel } from "../../projections/Usage.ts"
import type { Client } from "../postgres/client.ts"
import { Database } from "../postgres/Database.ts"
import { quoted } from "../postgres/statements.ts"
import { type Check, Readiness } from "../http/Readiness.ts"
import { LogClock } from "../nats/LogClock.ts"

const WITHIN = "2 seconds"
/** Milliseconds by which a clock may be off. */
const OFF = 1_000
const CAUGHT_UP_WITHIN = "500 millis"

const check = <Failure extends { readonly message: string }>(
  name: string,
  look: Effect.Effect<Omit<Check, "name">, Failure>,
): Effect.Effect<Check> =>
  look.pipe(
    Effect.catch((error) => Effect.succeed({ ok: false, detail: error.message })),
    Effect.timeoutOrElse({
      duration: WITHIN,
      orElse: () => Effect.succeed({ ok: false, detail: `no answer within ${WITHIN}` }),
    }),
    Effect.map((found) => ({ name, ...found })),
  )

const listOf = ({ count, first }: Asides): string => {
  const named = first.map(({ name, seq, why }) => `${seq} ${name} (${why})`)
  return [...named, ...(count > first.length ? [`and ${count - first.length} more`] : [])].join(", ")
}

/**
 * Names what the tables do not show, where there is such a thing. That is no reason not to serve the rest; nor is it
 * that nobody can be asked, which another check says.
 */
const asideChecks = (look: SetAside["Service"]["look"]): Effect.Effect<ReadonlyArray<Check>> =>
  look.pipe(
    Effect.map(({ parked, strays }) => [
      ...(parked.count === 0
        ? []
        : [{ name: "parked records", ok: true, detail: `${parked.count}: ${listOf(parked)}` }]),
      ...(strays.count === 0
        ? []
        : [{ name: "stray messages", ok: true, detail: `${strays.count}: ${listOf(strays)}` }]),
    ]),
    Effect.timeout(WITHIN),
    Effect.catch(() => Effect.succeed([])),
  )

/** Names a clock that is off by more than a second: the log's counts, and this machine's is wrong. */
const clockChecks = (skew: number): ReadonlyArray<Check> =>
  Math.abs(skew) <= OFF
    ? []
    : [
        {
          name: "clock",
          ok: true,
          detail: `this machine's is ${Math.abs(skew / 1_000).toFixed(1)} s ${skew > 0 ? "ahead of" : "behind"} the log's`,
        },
      ]

const TABLES = [...crewModel.tables, ...usageModel.tables].map(({ name }) => name)

/** Reads a row of every table, where it has one. */
const readEach = (sql: Client) =>
  sql.unsafe(`select ${TABLES.map((name) => `exists (select from ${quoted(name)})`).join(", ")}`)

/** Ready means: the log answers, reads do, and the read model is at the head of the log (operations.md). */
export const layer = Layer.effect(
  Readiness,
  Effect.gen(function* () {
    const log = yield* EventLog
    const projected = yield* Projected
    const readModel = yield* ReadModel
    const { look } = yield* SetAside
    const { skew } = yield* LogClock
    const { ask } = yield* Database

    const logAnswers = Effect.map(log.head, ({ last }) => ({ ok: true, detail: `at ${last}` }))
    const tablesAnswer = Effect.map(readModel.standing, ({ parked, seq }) => ({
      ok: true,
      detail: `at ${seq}${parked === 0 ? "" : `, ${parked} records are parked`}`,
    }))
    const tablesAtHead = Effect.gen(function* () {
      const { last } = yield* log.head
      const reached = yield* projected.reached(last, CAUGHT_UP_WITHIN)
      // Tables that are made anew are behind what this node has seen of them.
      const { seq } = yield* readModel.standing
      const ok = reached && seq >= last
      return { ok, detail: ok ? `at ${last}` : `at ${Math.min(seq, yield* projected.current)} of ${last}` }
    })
    const tablesRead = Effect.as(ask(readEach), { ok: true, detail: `${TABLES.length} tables` })

    return Readiness.of({
      checks: Effect.all(
        [
          Effect.map(check("log", logAnswers), (found) => [found]),
          Effect.map(check("read model", tablesAnswer), (found) => [found]),
          // In turn: a read may have waited for tables that are made anew, and are empty yet.
          Effect.all([check("reads", tablesRead), check("read model at the head of the log", tablesAtHead)]),
          asideChecks(look),
          Effect.sync(() => clockChecks(skew())),
        ],
        { concurrency: "unbounded" },
      ).pipe(Effect.map((found) => found.flat())),
    })
  }),
)
