import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { makeMoves } from "../../src/commands/reactions/moves.ts"
import { Tasks } from "../../src/commands/Tasks.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { Plan } from "../../src/domain/Plan.ts"
import { Task } from "../../src/domain/Task.ts"
import { Tree, TreeCommand } from "../../src/domain/Tree.ts"
import { Commands, NoReadModel, settingsWith } from "../adapters/http/door.ts"
import { envelope } from "../support/commands.ts"
import { by, open, project, task } from "./services.ts"

/** A log whose every answer lets everybody else go first. */
const Interleaving = Layer.effect(
  EventLog,
  Effect.map(EventLog, (log) => ({
    ...log,
    append: (request) => Effect.andThen(Effect.yieldNow, log.append(request)),
    last: (subject) => Effect.tap(log.last(subject), () => Effect.yieldNow),
  })),
).pipe(Layer.provide(MemoryLog))

const Node = Layer.fresh(Commands).pipe(Layer.provide([NoReadModel, settingsWith()]))

/** The tasks of another node on the same log. */
const another = Effect.gen(function* () {
  const log = yield* EventLog
  const context = yield* Layer.build(Node.pipe(Layer.provide(Layer.succeed(EventLog, log))))
  return Context.get(context, Tasks)
})

const Both = Layer.fresh(Commands).pipe(
  Layer.provideMerge(DigestLayer),
  Layer.provideMerge([NoReadModel, settingsWith()]),
  Layer.provideMerge(Layer.fresh(Interleaving)),
)

const test = <Failure>(
  title: string,
  body: Effect.Effect<void, Failure, Layer.Success<typeof Both> | Scope.Scope>,
) => it.live(title, () => Effect.scoped(body).pipe(Effect.provide(Both)), 30_000)

const load = Effect.fnUntraced(function* (id: string) {
  return (yield* (yield* Dispatcher).load(Task, id)).state
})

/** The task itself, if the way up from it comes back. */
const isItsOwnAncestor = Effect.fnUntraced(function* (id: string) {
  for (let above = open(yield* load(id)).parent_id, n = 0; above !== null; n += 1) {
    if (above === id || n > 100) return true
    above = open(yield* load(above)).parent_id
  }
  return false
})

const projectOf = Effect.map(Digest, (digest) => digest.uuidOf("project:team-board"))

describe("races between tasks", () => {
  for (const size of [2, 3]) {
    test(
      `tasks that move below each other at once, ${size} on two nodes, never close a circle, and some get there`,
      Effect.gen(function* () {
        yield* project()
        const nodes = [yield* Tasks, yield* another]
        let moved = 0
        for (let round = 0; round < 20; round += 1) {
          const ids = yield* Effect.forEach(Array.from({ length: size }), () => task())
          const results = yield* Effect.forEach(
            ids,
            (id, n) =>
              Effect.result(nodes[n % 2]!.change({ id }, { parent_id: ids[(n + 1) % size] ?? null }, by())),
            { concurrency: size },
          )
          moved += results.filter(({ _tag }) => _tag === "Success").length
          for (const result of results) {
            if (result._tag === "Failure") assert.include(["ParentCycle", "Contended"], result.failure._tag)
          }
          for (const id of ids) assert.isFalse(yield* isItsOwnAncestor(id))
        }
        assert.isAtLeast(moved, 20)
        const { state } = yield* (yield* Dispatcher).load(Tree, yield* projectOf)
        assert.deepStrictEqual(state.moves, [])
      }),
    )
  }

  test(
    "a dependency that is deleted while it is added leaves the list and the plan",
    Effect.gen(function* () {
      yield* project()
      const [one, other] = [yield* Tasks, yield* another]
      for (let round = 0; round < 20; round += 1) {
        const [id, gone] = [yield* task(), yield* task()]
        yield* Effect.all(
          [
            Effect.ignore(one.change({ id }, { depends_on: [gone] }, by())),
            Effect.ignore(one.create("team-board", { title: "new", depends_on: [gone] }, by())),
            // Whoever lost too often against others repeats it, as a client does.
            Effect.retry(other.remove({ id: gone }, by()), {
              times: 5,
              while: ({ _tag }) => _tag === "Contended",
            }),
          ],
          { concurrency: 3 },
        )
        assert.deepStrictEqual(open(yield* load(id)).depends_on, [])
        const { state } = yield* (yield* Dispatcher).load(Plan, yield* projectOf)
        assert.notInclude(Object.values(state.edges).flat(), gone)
      }
    }),
  )

  test(
    "a parent that is deleted while a task moves below it is what it would be had it been deleted later",
    Effect.gen(function* () {
      yield* project()
      const [one, other] = [yield* Tasks, yield* another]
      for (let round = 0; round < 10; round += 1) {
        const [id, parent_id] = [yield* task(), yield* task()]
        const [moved] = yield* Effect.all(
          [Effect.result(one.change({ id }, { parent_id }, by())), other.remove({ id: parent_id }, by())],
          { concurrency: 2 },
        )
        const { parent_id: now } = open(yield* load(id))
        assert.strictEqual(now, moved._tag === "Success" ? parent_id : null)
      }
    }),
  )

  test(
    "a move that was begun by a program that died stands in the way until it is ended for it",
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const dispatcher = yield* Dispatcher
      const [a, b, project_id] = [yield* task(), yield* task(), yield* projectOf]
      const move_id = (yield* Digest).uuid()
      const begin = TreeCommand.cases.BeginMove.make({ move_id, task_id: a, parent_id: b })
      yield* dispatcher.dispatch(Tree, project_id, begin, envelope(":died"))
      const move = tasks.change({ id: b }, { parent_id: a }, by())
      assert.strictEqual((yield* Effect.flip(move))._tag, "ParentCycle")
      const { perform } = yield* makeMoves
      const owed = {
        kind: "moves",
        id: `${project_id}:${move_id}`,
        due: "",
        attempt: 1,
        seq: 1,
        target: null,
      }
      yield* perform(owed)
      yield* perform(owed)
      assert.strictEqual(open((yield* move).state).parent_id, a)
    }),
  )
})
