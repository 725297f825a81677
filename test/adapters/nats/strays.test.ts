import { headers, type MsgHdrs } from "@nats-io/nats-core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../../src/adapters/nats/EventLog.ts"
import { parseBareLine, parseLine } from "../../../src/adapters/nats/records.ts"
import { LOG_STREAM } from "../../../src/adapters/nats/streams.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { isStray } from "../../../src/domain/Line.ts"
import { Task } from "../../../src/domain/Task.ts"
import { createTask, envelope, FreeTask, FreshDispatcher, reject, take } from "../../support/commands.ts"
import { FreshLog } from "../../support/log.ts"
import { freshSubject, recordOf } from "../../support/records.ts"

const bytes = (data: unknown) =>
  new TextEncoder().encode(typeof data === "string" ? data : JSON.stringify(data))

const headed = (named: Readonly<Record<string, string>>): MsgHdrs => {
  const head = headers()
  for (const [name, value] of Object.entries(named)) head.set(name, value)
  return head
}

const lineOf = (subject: string, data: unknown, named: Readonly<Record<string, string>> = {}) => {
  const message = { seq: 7, subject, data: bytes(data), headers: () => headed(named) }
  const line = parseLine(message)
  assert.deepStrictEqual(parseBareLine(message), line)
  if (Result.isFailure(line)) return line.failure._tag
  return isStray(line.success) ? `stray: ${line.success.stray.reason}` : line.success.subject.type
}

const OF_ONE = { "Nats-Msg-Id": "task.one:ada:x", "Crew-Command": "ada:x", "Crew-Actor": "ada" }

describe("a message on the log", () => {
  for (const [what, subject, data, reason] of [
    ["with bytes that are no JSON", "crew.evt.task.one", "hello", "it is not JSON"],
    ["with nothing in it", "crew.evt.task.one", "", "it is not JSON"],
    ["with somebody's JSON", "crew.evt.task.one", { command: "reboot", events: [] }, "its JSON is none"],
    ["with null", "crew.evt.task.one", null, "its JSON is none"],
    ["on a subject of three parts", "crew.evt.task.one.two", recordOf(3), "its subject is no aggregate's"],
    ["on a subject of one part", "crew.evt.hello", {}, "its subject is no aggregate's"],
    ["of a type that nobody knows", "crew.evt.sprint.one", { hello: 1 }, "its subject is no aggregate's"],
  ] as const) {
    it(`${what} is a stray one`, () => {
      assert.strictEqual(lineOf(subject, data), `stray: is no record: ${reason}`)
      assert.strictEqual(
        lineOf(subject, data, { "Nats-Msg-Id": "order.12:3", Source: "elsewhere" }),
        `stray: is no record: ${reason}`,
      )
    })

    it(`${what} is damage when it has our headers`, () => {
      for (const name of ["Crew-Command", "Crew-Actor", "Crew-Types"])
        assert.strictEqual(lineOf(subject, data, { [name]: "x" }), "LogDamaged")
    })
  }

  it("that was a record of ours is damage, however little of it is left", () => {
    assert.strictEqual(lineOf("crew.evt.task.one", recordOf(3), OF_ONE), "task")
    const whole = JSON.stringify(recordOf(3))
    for (let length = 0; length < whole.length; length += 7)
      assert.strictEqual(lineOf("crew.evt.task.one", whole.slice(0, length), OF_ONE), "LogDamaged")
    assert.strictEqual(lineOf("crew.evt.task.one", "x", { "Nats-Msg-Id": "task.one:ada:x" }), "LogDamaged")
    assert.strictEqual(lineOf("crew.evt.task.one.two", recordOf(3), OF_ONE), "LogDamaged")
    // Another type than the one that its headers name: a changed subject, and no newer program's.
    assert.strictEqual(lineOf("crew.evt.tasl.one", recordOf(3), OF_ONE), "LogDamaged")
  })

  it("with the fields of a record on an aggregate's subject is damage, also without headers", () => {
    assert.strictEqual(lineOf("crew.evt.task.one", { ...recordOf(3), at: "yesterday" }), "LogDamaged")
  })

  it("with a record of a type that this program does not know is a newer one's", () => {
    assert.strictEqual(lineOf("crew.evt.sprint.one", recordOf(3)), "sprint")
    const named = { "Nats-Msg-Id": "sprint.one:ada:x", "Crew-Command": "ada:x" }
    assert.strictEqual(lineOf("crew.evt.sprint.one", recordOf(3), named), "sprint")
    assert.strictEqual(lineOf("crew.evt.sprint.one", { ...recordOf(3), prev: -1 }, named), "LogDamaged")
  })
})

const publish = (subject: string, data: string) =>
  Effect.flatMap(Nats, ({ js }) => Effect.promise(async () => (await js.publish(subject, data)).seq))

/** A node that knows nothing yet. */
const another = Layer.fresh(NatsEventLog)

describe("stray messages on the subject of an aggregate", () => {
  it.live("stand in no command's way: the guard is theirs, the chain goes on from the record before", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const id = randomUUID()
      const subject = `crew.evt.task.${id}`
      const one = yield* Effect.provide(Dispatcher, FreshDispatcher)
      const created = yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
      yield* publish(subject, "who is this?")
      const stray = yield* publish(subject, "{}")

      // The state is in memory here, and the guard is not known yet.
      const taken = yield* one.dispatch(FreeTask, id, take("bob"), envelope("bob:take"))
      assert.deepStrictEqual([taken.seq, (yield* log.at(taken.seq))?.record.prev], [stray + 1, created.seq])
      const again = yield* one.dispatch(FreeTask, id, take("bob"), envelope("bob:take"))
      assert.deepStrictEqual([again.seq, again.repeated], [taken.seq, true])

      // And there nothing is known.
      const last = yield* publish(subject, "again")
      const rejected = yield* Effect.gen(function* () {
        const other = yield* Dispatcher
        assert.strictEqual((yield* other.load(Task, id)).seq, taken.seq)
        const refused = yield* Effect.flip(other.dispatch(FreeTask, id, take("eve"), envelope("eve:take")))
        assert.strictEqual(refused._tag, "TaskAlreadyTaken")
        return yield* other.dispatch(FreeTask, id, reject("bob", randomUUID()), envelope("bob:reject"))
      }).pipe(Effect.provide(FreshDispatcher.pipe(Layer.provide([another, DigestLayer]))))
      assert.deepStrictEqual(
        [rejected.seq, (yield* log.at(rejected.seq))?.record.prev],
        [last + 1, taken.seq],
      )
      assert.strictEqual((yield* log.last({ type: "task", id }))?.seq, rejected.seq)
    }).pipe(Effect.provide(FreshLog.pipe(Layer.provideMerge(DigestLayer)))),
  )

  it.live(
    "stray messages on the subject of an aggregate keep the guard: of two writers who know of them one is refused",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        yield* publish(`crew.evt.task.${subject.id}`, "stray")
        assert.strictEqual((yield* log.last(subject))?.seq, seq)
        const tries = yield* Effect.forEach(
          [1, 2, 3],
          () => Effect.result(log.append({ subject, guard: seq, record: recordOf(seq) })),
          { concurrency: "unbounded" },
        )
        assert.lengthOf(tries.filter(Result.isSuccess), 1)
        const wrong = yield* Effect.flip(log.append({ subject, guard: seq, record: recordOf(seq) }))
        assert.strictEqual(wrong._tag, "WrongGuard")
      }).pipe(Effect.provide(FreshLog)),
  )

  it.live(
    "stray messages on the subject of an aggregate are no aggregate where there is nothing else, and one can begin behind them",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const stray = yield* publish(`crew.evt.task.${subject.id}`, "first")
        assert.isUndefined(yield* log.last(subject))
        const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        assert.strictEqual(seq, stray + 1)
      }).pipe(Effect.provide(FreshLog)),
  )

  it.live(
    "stray messages on the subject of an aggregate are stepped over by those who follow a type, and are lines for those who follow all",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const [a, b] = [freshSubject("presence"), freshSubject("presence")]
        const first = yield* log.append({ subject: a, guard: 0, record: recordOf(0) })
        const second = yield* log.append({ subject: b, guard: 0, record: recordOf(0) })
        const stray = yield* publish(`crew.evt.presence.${a.id}`, "stray")
        yield* publish("crew.evt.presence.not.an.id", "stray")
        yield* publish("crew.evt.presence.$", "stray")
        assert.deepStrictEqual(
          (yield* log.newest("presence")).map(({ seq }) => seq),
          [first.seq, second.seq],
        )
        const third = yield* log.append({ subject: b, guard: second.seq, record: recordOf(second.seq) })
        const followed = yield* log.followType("presence", second.seq).pipe(Stream.take(1), Stream.runCollect)
        assert.deepStrictEqual(
          followed.map(({ seq }) => seq),
          [third.seq],
        )
        const lines = yield* log.follow(0).pipe(Stream.take(third.seq), Stream.runCollect)
        assert.deepStrictEqual(
          lines.filter(isStray).map(({ seq }) => seq),
          [stray, stray + 1, stray + 2],
        )
        assert.isUndefined(yield* log.at(stray))
        assert.deepStrictEqual(yield* log.line(stray), lines[stray - 1])
      }).pipe(Effect.provide(FreshLog)),
  )

  it.live("hide no damage before them", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const subject = freshSubject()
      const { js } = yield* Nats
      yield* Effect.promise(() =>
        js.publish(`crew.evt.task.${subject.id}`, "half a rec", {
          headers: headed({ "Crew-Command": "ada:x" }),
          expect: { streamName: LOG_STREAM },
        }),
      )
      yield* publish(`crew.evt.task.${subject.id}`, "stray")
      assert.strictEqual((yield* Effect.flip(log.last(subject)))._tag, "LogDamaged")
    }).pipe(Effect.provide(FreshLog)),
  )
})
