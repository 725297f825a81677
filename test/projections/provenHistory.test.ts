import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { provenHistory } from "../../src/projections/provenHistory.ts"
import type { HistoryEntry, FrameSeq } from "../../src/projections/ReadModel.ts"
import { clientOf, everything, freshSchema, projectTo } from "../adapters/postgres/schemas.ts"
import { crewOn } from "./crews.ts"

/** The whole history in pages. */
const historyOf = Effect.fnUntraced(function* (id: string, limit: number) {
  const all: Array<HistoryEntry> = []
  let after: FrameSeq | undefined
  do {
    const page: Effect.Success<ReturnType<typeof provenHistory>> = yield* provenHistory(id, { limit, after })
    assert.isAtMost(page.value.rows.length, limit)
    all.push(...page.value.rows)
    after = page.value.next
  } while (after !== undefined)
  return all
})

const crew = () => {
  const { change, create, log, take } = crewOn()
  const id = create()
  const other = create({ number: 2, key: "TE-2" })
  for (let turn = 0; turn < 6; turn += 1) {
    change(id, { status: "in_progress", title: `turn ${turn}` })
    change(id, { status: "todo" })
    change(other, { title: `other ${turn}` })
  }
  take(id, "bob")
  return { id, log, other }
}

describe("a task's history", () => {
  it.live("a task's history is what the log says, whatever somebody did to its rows", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const { id, log, other } = crew()
      yield* projectTo(place, log.service, log.records.length)
      const sql = yield* clientOf(place)
      yield* Effect.gen(function* () {
        const told = yield* historyOf(id, 200)
        assert.lengthOf(told, 20)
        const forgeries = [
          `update history set actor = 'mallory', data = '{}' where id = '${id}'`,
          `update history set seq = seq + 1 where id = '${id}' and seq % 2 = 0`,
          `insert into history select seq, 7, type, '${id}', event, data, actor, at, command, correlation, causation
            from history where id = '${other}'`,
          `delete from history where id = '${id}' and seq % 3 = 0`,
          `delete from history where id = '${id}'`,
        ]
        for (const forgery of forgeries) {
          yield* Effect.promise(() => sql.unsafe(forgery))
          for (const limit of [1, 3, 200]) assert.deepStrictEqual(yield* historyOf(id, limit), told, forgery)
        }
      }).pipe(Effect.provide(everything(place, log)))
    }),
  )

  it.live("a task's history ends where the tables are", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const { id, log } = crew()
      yield* projectTo(place, log.service, 5)
      const told = yield* Effect.provide(historyOf(id, 2), everything(place, log))
      assert.deepStrictEqual(
        told.map(({ event, idx, seq }) => [seq, idx, event]),
        [
          [1, 0, "TaskCreated"],
          [3, 0, "TaskChanged"],
          [3, 1, "TaskMoved"],
          [4, 0, "TaskMoved"],
        ],
      )
    }),
  )
})
