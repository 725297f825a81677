import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { projector } from "../../../src/projections/Projector.ts"
import { ReadModel } from "../../../src/projections/ReadModel.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { crewOn, randomCrew } from "../../projections/crews.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { startPostgres } from "../../support/servers.ts"
import { dump } from "./dump.ts"
import { clientOf, everything, freshSchema, until } from "./schemas.ts"

/** A node that projects; interrupt it to end it. */
const node = (place: SchemaAt, log: CrewLog) =>
  Effect.forkChild(Effect.provide(projector, Layer.fresh(everything(place, log))))

const caughtUp = (log: CrewLog) =>
  Effect.flatMap(ReadModel, (model) =>
    until(
      model.standing.pipe(Effect.orElseSucceed(() => ({ seq: -1, parked: 0 }))),
      ({ seq }) => seq === log.records.length,
    ),
  )

/** An event that PostgreSQL will never take: the Schema refused it long before, but who knows. */
const poison = (log: CrewLog, id: string) => {
  const recorded = log.records.findIndex(({ subject }) => subject.id === id)
  const { record, ...place } = log.records[recorded]!
  const [{ ...event }] = record.events
  log.records[recorded] = { ...place, record: { ...record, events: [{ ...event, _tag: "TaskSung" }] } }
}

describe("the projector", () => {
  it.live("the projector follows the log, and says how far it is", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("first")
      yield* Effect.gen(function* () {
        const running = yield* Effect.forkChild(projector)
        const projected = yield* Projected
        assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
        randomCrew("second", log)
        assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
        assert.strictEqual(yield* projected.current, log.records.length)
        assert.isFalse(yield* projected.reached(log.records.length + 1, "50 millis"))
        assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(everything(place, log)))
    }),
  )

  it.live("the projector hands over to another, who goes on without a gap", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("first")
      const first = yield* node(place, log)
      yield* Effect.gen(function* () {
        yield* caughtUp(log)
        const second = yield* node(place, log)
        randomCrew("second", log)
        yield* caughtUp(log)
        yield* Fiber.interrupt(first)
        randomCrew("third", log)
        const before = performance.now()
        yield* caughtUp(log)
        assert.isBelow(performance.now() - before, 2_000)
        yield* Fiber.interrupt(second)
      }).pipe(Effect.provide(everything(place, log)))
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
    }),
  )

  it.live(
    "the projector parks what can't be projected and what comes after it, and goes on with all else",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const crew = crewOn()
        const { create, log, take } = crew
        const sound = create()
        const ill = create()
        take(ill, "bob")
        take(sound, "bob")
        const whole = { ...log.records[1]! }
        poison(log, ill)
        const model = yield* Effect.gen(function* () {
          const running = yield* node(place, log)
          yield* caughtUp(log)
          take(ill, "eve")
          crew.change(ill, { status: "done" })
          const later = create()
          const { parked, seq } = yield* caughtUp(log)
          assert.deepStrictEqual([seq, parked], [6, 3])
          const model = yield* ReadModel
          assert.strictEqual((yield* model.task(sound)).value?.row.assignee_slug, "bob")
          assert.isUndefined((yield* model.task(ill)).value)
          assert.isDefined((yield* model.task(later)).value)
          yield* Fiber.interrupt(running)

          // The next term tries again, with a program that knows better.
          const sql = yield* clientOf(place)
          yield* Effect.promise(
            () =>
              sql`update parked set record = ${JSON.stringify(whole.record)}::text::json where seq = ${whole.seq}`,
          )
          const again = yield* node(place, log)
          yield* until(model.standing, ({ parked }) => parked === 0)
          assert.deepInclude((yield* model.task(ill)).value?.row, { assignee_slug: "bob", status: "done" })
          take(later, "eve")
          yield* caughtUp(log)
          yield* Fiber.interrupt(again)
          return yield* dump(sql)
        }).pipe(Effect.provide(everything(place, log)))
        log.records[1] = whole
        const { feed: _, ...expected } = tablesOf(log).all as Record<string, unknown>
        const { feed, ...tables } = model
        assert.deepStrictEqual(tables, expected)
        assert.lengthOf(feed as Array<unknown>, 8)
      }),
  )

  const refused = (name: string, spoil: (log: CrewLog) => CrewLog, reason: RegExp) =>
    it.live(`the projector refuses ${name}`, () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const log = randomCrew("first")
        const running = yield* node(place, log)
        yield* Effect.provide(caughtUp(log), everything(place, log))
        yield* Fiber.interrupt(running)
        const error = yield* projector.pipe(Effect.provide(everything(place, spoil(log))), Effect.flip)
        assert.strictEqual(error._tag, "LogDamaged")
        assert.match(error.message, reason)
      }),
    )

  refused(
    "another log",
    () => randomCrew("first", new CrewLog("2026-04-01T00:00:00.000Z")),
    /was created 2026-04-01.*rebuild --force/,
  )
  refused(
    "a log that was cut off",
    (log) => {
      log.records.splice(100)
      return log
    },
    /ends at 100, the read model has seen it up to/,
  )
  refused(
    "a log that was changed",
    (log) => {
      const last = log.records.at(-1)!
      log.records[log.records.length - 1] = { ...last, record: { ...last.record, hash: "f".repeat(64) } }
      return log
    },
    /has the hash f{64}, the read model knows it with/,
  )
  refused(
    "a log with a hole",
    (log) => {
      const { length } = log.records
      randomCrew("second", log)
      log.records.splice(length + 5, 1)
      return log
    },
    /is missing: after \d+ comes \d+/,
  )

  it.live("the projector goes on where it was when PostgreSQL is killed in the middle", () =>
    Effect.gen(function* () {
      const postgres = yield* startPostgres()
      const place = { url: Redacted.make(postgres.url), schema: "crewlog" }
      const log = randomCrew("first")
      const running = yield* node(place, log)
      yield* Effect.gen(function* () {
        yield* caughtUp(log)
        for (const seed of ["second", "third"]) {
          randomCrew(seed, log)
          yield* postgres.kill
          const model = yield* ReadModel
          assert.strictEqual((yield* Effect.flip(model.standing))._tag, "ReadModelUnavailable")
          yield* postgres.start
          yield* caughtUp(log)
        }
      }).pipe(Effect.provide(everything(place, log)))
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
      yield* Fiber.interrupt(running)
    }),
  )
})
