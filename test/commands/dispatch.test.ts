import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { partOf } from "../../src/commands/Envelope.ts"
import { chained } from "../../src/domain/CommitRecord.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { EventLog, WrongGuard } from "../../src/domain/EventLog.ts"
import { Task, TaskCommand } from "../../src/domain/Task.ts"
import {
  agent,
  asFirst,
  createTask,
  envelope,
  FreeTask,
  FreshDispatcher,
  reject,
  take,
} from "../support/commands.ts"

const { ChangeTask } = TaskCommand.cases
const test = <A, E>(title: string, effect: Effect.Effect<A, E, EventLog | Digest>) =>
  it.live(title, () => effect.pipe(Effect.provide([MemoryLog, DigestLayer])))

const dispatcher = Effect.map(Effect.provide(Dispatcher, FreshDispatcher), (one) => one)

const retitle = (title: string, actor = agent("bob")) => ChangeTask.make({ actor, changes: { title } })

describe("dispatch", () => {
  test(
    "the dispatcher answers a repeated command as the first time, also later and after a restart",
    Effect.gen(function* () {
      const id = randomUUID()
      const first = yield* (yield* dispatcher).dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      const before = yield* dispatcher
      yield* before.dispatch(FreeTask, id, retitle("Another"), envelope("ada:k2"))
      for (const one of [before, yield* dispatcher]) {
        const again = yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
        assert.deepStrictEqual(asFirst(again), first)
        assert.isTrue(again.repeated)
      }
      assert.strictEqual((yield* (yield* EventLog).head).last, 2)
    }),
  )

  test(
    "the dispatcher refuses a used key with another body",
    Effect.gen(function* () {
      const one = yield* dispatcher
      const id = randomUUID()
      yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      const error = yield* Effect.flip(
        one.dispatch(FreeTask, id, retitle("x"), envelope("ada:k1", { fingerprint: "f".repeat(16) })),
      )
      assert.strictEqual(error._tag, "KeyReused")
    }),
  )

  test(
    "remembers keys for ever, beyond the 32 of the aggregate and without a read model",
    Effect.gen(function* () {
      const one = yield* dispatcher
      const id = randomUUID()
      const first = yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:first"))
      for (let n = 0; n < 70; n++)
        yield* one.dispatch(FreeTask, id, retitle(`title ${n}`), envelope(`ada:n${n}`))
      const again = yield* (yield* dispatcher).dispatch(FreeTask, id, createTask(id), envelope("ada:first"))
      assert.deepStrictEqual(asFirst(again), first)
    }),
  )

  test(
    "the dispatcher does not refuse on a cached state that another process changed",
    Effect.gen(function* () {
      const [here, there] = [yield* dispatcher, yield* dispatcher]
      const id = randomUUID()
      yield* here.dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      yield* here.dispatch(FreeTask, id, take("bob"), envelope("bob:k1", { actor: agent("bob") }))
      yield* there.dispatch(
        FreeTask,
        id,
        reject("bob", randomUUID()),
        envelope("bob:k2", { actor: agent("bob") }),
      )
      const { state } = yield* here.dispatch(
        FreeTask,
        id,
        take("eve"),
        envelope("eve:k1", { actor: agent("eve") }),
      )
      assert.strictEqual(state._tag === "Open" && state.assignee_slug, "eve")
    }),
  )

  test(
    "the dispatcher gives a task to one of 50, and tells the others who holds it",
    Effect.gen(function* () {
      const nodes = [yield* dispatcher, yield* dispatcher]
      const id = randomUUID()
      yield* (yield* dispatcher).dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => `agent-${n}`),
        (slug, n) =>
          Effect.result(
            (nodes[n % 2] ?? nodes[0]!).dispatch(FreeTask, id, take(slug), envelope(`${slug}:take`)),
          ),
        { concurrency: "unbounded" },
      )
      const winners = outcomes.flatMap((one) => (one._tag === "Success" ? [one.success.state] : []))
      assert.strictEqual(winners.length, 1)
      const holder = winners[0]?._tag === "Open" ? (winners[0].assignee_slug ?? "") : ""
      for (const one of outcomes) {
        if (one._tag === "Failure") assert.deepInclude(one.failure, { _tag: "TaskAlreadyTaken", holder })
      }
      assert.strictEqual((yield* (yield* EventLog).head).last, 2)
    }),
  )

  for (const commandId of ["bob:k1", ":generated"]) {
    test(
      `recognises its own record when the answer to the append was lost (${commandId})`,
      Effect.gen(function* () {
        const log = yield* EventLog
        const id = randomUUID()
        yield* (yield* dispatcher).dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
        const Forgetful = Layer.succeed(EventLog, {
          ...log,
          append: (request) =>
            Effect.flatMap(log.append(request), () => new WrongGuard({ subject: id, guard: request.guard })),
        })
        const one = yield* Effect.provide(Dispatcher, FreshDispatcher.pipe(Layer.provide(Forgetful)))
        const outcome = yield* one.dispatch(
          FreeTask,
          id,
          take("bob"),
          envelope(commandId, { actor: agent("bob") }),
        )
        assert.strictEqual(outcome.seq, 2)
        assert.strictEqual((yield* log.head).last, 2)
      }),
    )
  }

  test(
    "decides again after a conflict, five times at most",
    Effect.gen(function* () {
      const log = yield* EventLog
      const id = randomUUID()
      const appends = yield* Ref.make(0)
      const Contended = Layer.succeed(EventLog, {
        ...log,
        append: ({ guard }) =>
          Effect.andThen(
            Ref.update(appends, (n) => n + 1),
            new WrongGuard({ subject: id, guard }),
          ),
      })
      const one = yield* Effect.provide(Dispatcher, FreshDispatcher.pipe(Layer.provide(Contended)))
      const error = yield* Effect.flip(one.dispatch(FreeTask, id, createTask(id), envelope("ada:k1")))
      assert.strictEqual(error._tag, "Contended")
      assert.strictEqual(yield* Ref.get(appends), 5)
    }),
  )

  test(
    "honours the version that the caller saw",
    Effect.gen(function* () {
      const one = yield* dispatcher
      const id = randomUUID()
      const { seq } = yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      yield* one.dispatch(FreeTask, id, retitle("a"), envelope("ada:k2", { ifMatch: seq }))
      const error = yield* Effect.flip(
        one.dispatch(FreeTask, id, retitle("b"), envelope("ada:k3", { ifMatch: seq })),
      )
      assert.deepInclude(error, { _tag: "VersionMismatch", expected: seq, actual: seq + 1 })
    }),
  )

  const bob = { actor: agent("bob") }
  /** Bob holds a task by the record at 2. */
  const heldByBob = Effect.gen(function* () {
    const one = yield* dispatcher
    const id = randomUUID()
    yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
    yield* one.dispatch(FreeTask, id, take("bob"), envelope("bob:take", bob))
    return { id, one, again: take("bob") }
  })

  test(
    "remembers a command that changed nothing: its repeat is told the same, and changes nothing later",
    Effect.gen(function* () {
      const { again, id, one } = yield* heldByBob
      const first = yield* one.dispatch(FreeTask, id, again, envelope("bob:again", bob))
      assert.deepInclude(first, { seq: 3, events: [], repeated: false, recorded: true })
      assert.deepInclude(first.state, { assignee_slug: "bob", claim: 2 })
      yield* one.dispatch(FreeTask, id, reject("bob", randomUUID()), envelope("bob:reject", bob))
      for (const each of [one, yield* dispatcher]) {
        const repeated = yield* each.dispatch(FreeTask, id, again, envelope("bob:again", bob))
        assert.isTrue(repeated.repeated)
        assert.isFalse(repeated.recorded)
        assert.deepStrictEqual(asFirst(repeated), first)
        const reused = each.dispatch(FreeTask, id, again, envelope("bob:again", { ...bob, fingerprint: "f" }))
        assert.strictEqual((yield* Effect.flip(reused))._tag, "KeyReused")
      }
      const { state } = yield* (yield* dispatcher).load(Task, id)
      assert.deepInclude(state, { assignee_slug: null })
      assert.strictEqual((yield* (yield* EventLog).head).last, 4)
    }),
  )

  test(
    "the dispatcher records nothing where nothing changes and no key was chosen, or the command is a part, or refused",
    Effect.gen(function* () {
      const { again, id, one } = yield* heldByBob
      for (const given of [envelope(":again", bob), partOf(envelope("bob:part", bob))]) {
        const outcome = yield* one.dispatch(FreeTask, id, again, given)
        assert.deepInclude(outcome, { seq: 2, events: [], recorded: false })
      }
      yield* Effect.flip(one.dispatch(FreeTask, id, take("eve"), envelope("eve:take")))
      assert.strictEqual((yield* (yield* EventLog).head).last, 2)
    }),
  )

  test(
    "remembers what changed nothing beyond the 32 of the aggregate, and without a read model",
    Effect.gen(function* () {
      const { again, id, one } = yield* heldByBob
      const first = yield* one.dispatch(FreeTask, id, again, envelope("bob:again", bob))
      for (let n = 0; n < 70; n++)
        yield* one.dispatch(FreeTask, id, retitle(`title ${n}`), envelope(`ada:n${n}`))
      const repeated = yield* (yield* dispatcher).dispatch(FreeTask, id, again, envelope("bob:again", bob))
      assert.deepStrictEqual(asFirst(repeated), first)
    }),
  )

  test(
    "the dispatcher takes any version that was read since the newest change, and none from before it",
    Effect.gen(function* () {
      const { again, id, one } = yield* heldByBob
      // More than a cold load reads back to a snapshot.
      for (let n = 3; n <= 40; n++) yield* one.dispatch(FreeTask, id, again, envelope(`bob:k${n}`, bob))
      for (const each of [one, yield* dispatcher]) {
        const mismatch = yield* Effect.flip(
          each.dispatch(FreeTask, id, again, envelope("bob:old", { ...bob, ifMatch: 1 })),
        )
        assert.deepInclude(mismatch, { _tag: "VersionMismatch", expected: 1, actual: 40 })
        const early = yield* Effect.flip(
          each.dispatch(FreeTask, id, again, envelope("bob:early", { ...bob, ifMatch: 41 })),
        )
        assert.strictEqual(early._tag, "VersionMismatch")
      }
      assert.deepInclude(yield* (yield* dispatcher).load(Task, id), { seq: 40, version: 2 })
      yield* (yield* dispatcher).dispatch(FreeTask, id, retitle("a"), envelope("ada:a", { ifMatch: 2 }))
      yield* one.dispatch(FreeTask, id, retitle("a"), envelope("ada:same", { ifMatch: 41 }))
      yield* one.dispatch(FreeTask, id, retitle("b"), envelope("ada:b", { ifMatch: 41 }))
      yield* one.dispatch(FreeTask, id, retitle("b"), envelope("ada:again", { ifMatch: 43 }))
      yield* one.dispatch(FreeTask, id, retitle("c"), envelope("ada:c", { ifMatch: 44 }))
      assert.strictEqual((yield* (yield* EventLog).head).last, 45)
    }),
  )

  for (const size of [0, 20_000]) {
    test(
      `loads through many records without events (${size} characters)`,
      Effect.gen(function* () {
        const one = yield* dispatcher
        const id = randomUUID()
        yield* one.dispatch(FreeTask, id, createTask(id, "x".repeat(size)), envelope("ada:create"))
        yield* one.dispatch(FreeTask, id, retitle("t"), envelope("ada:t"))
        for (let n = 0; n < 50; n++) yield* one.dispatch(FreeTask, id, retitle("t"), envelope(`ada:n${n}`))
        const { seq, state, version } = yield* (yield* dispatcher).load(Task, id)
        assert.deepStrictEqual([seq, version], [52, 2])
        assert.deepInclude(state, { title: "t" })
        const repeated = yield* (yield* dispatcher).dispatch(FreeTask, id, retitle("t"), envelope("ada:n0"))
        assert.deepInclude(repeated, { seq: 3, repeated: true })
      }),
    )
  }

  test(
    "recognises its own record without events when the answer to the append was lost",
    Effect.gen(function* () {
      const { again, id } = yield* heldByBob
      const log = yield* EventLog
      const Forgetful = Layer.succeed(EventLog, {
        ...log,
        append: (request) =>
          Effect.flatMap(log.append(request), () => new WrongGuard({ subject: id, guard: request.guard })),
      })
      const one = yield* Effect.provide(Dispatcher, FreshDispatcher.pipe(Layer.provide(Forgetful)))
      const outcome = yield* one.dispatch(FreeTask, id, again, envelope("bob:again", bob))
      assert.deepInclude(outcome, { seq: 3, events: [] })
      assert.strictEqual((yield* log.head).last, 3)
    }),
  )

  test(
    "loads states too large for every record from the snapshot of every 16th",
    Effect.gen(function* () {
      const one = yield* dispatcher
      const log = yield* EventLog
      const id = randomUUID()
      yield* one.dispatch(FreeTask, id, createTask(id, "x".repeat(20_000)), envelope("ada:k0"))
      for (let n = 1; n < 40; n++)
        yield* one.dispatch(FreeTask, id, retitle(`title ${n}`), envelope(`ada:k${n}`))
      const snapshots: Array<number> = []
      for (let seq = 1; seq <= 40; seq++) {
        if ((yield* log.at(seq))?.record.snapshot !== undefined) snapshots.push(seq)
      }
      assert.deepStrictEqual(snapshots, [16, 32])
      const { seq, state } = yield* (yield* dispatcher).load(Task, id)
      assert.strictEqual(seq, 40)
      assert.deepInclude(state, { title: "title 39", description: "x".repeat(20_000) })
    }),
  )

  test(
    "chains every record of an aggregate to the one before",
    Effect.gen(function* () {
      const one = yield* dispatcher
      const log = yield* EventLog
      const { sha256 } = yield* Digest
      const id = randomUUID()
      yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:k1"))
      yield* one.dispatch(FreeTask, id, take("bob"), envelope("bob:k1"))
      const [first, second] = [yield* log.at(1), yield* log.at(2)]
      assert.isDefined(first)
      assert.isDefined(second)
      const read = JSON.parse(JSON.stringify(second.record)) as typeof second.record
      assert.strictEqual(second.record.prev, 1)
      assert.strictEqual(second.record.hash, sha256(chained(first.record.hash, read)))
      const forged = { ...read, actor: "eve" }
      assert.notStrictEqual(second.record.hash, sha256(chained(first.record.hash, forged)))
    }),
  )
})
