import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { verify } from "../../src/cli/verify/verification.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import type { Recorded } from "../../src/domain/CommitRecord.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { isRecorded } from "../../src/domain/Line.ts"
import { Task, TaskCommand } from "../../src/domain/Task.ts"
import { createTask, envelope, FreeTask, FreshDispatcher } from "../support/commands.ts"

const { AddStep, RemoveStep } = TaskCommand.cases
const STEPS = 200
/** Fewer than the records that the pieces of two snapshots and the pause between them take. */
const READ_AT_MOST = 40

type Node = Dispatcher["Service"]

const fresh = Effect.provide(Dispatcher, FreshDispatcher)

/** As many and as long steps as a task may have, in three bytes a character; each given to another node in turn. */
const filled = Effect.fnUntraced(function* (id: string, nodes: ReadonlyArray<Node>) {
  const first = nodes[0]!
  yield* first.dispatch(FreeTask, id, createTask(id, "漢".repeat(20_000)), envelope("ada:create"))
  const steps = Array.from({ length: STEPS }, () => randomUUID())
  for (const [index, step_id] of steps.entries()) {
    const node = nodes[index % nodes.length]!
    const add = AddStep.make({ step_id, title: "漢".repeat(500) })
    yield* node.dispatch(FreeTask, id, add, envelope(`ada:${index}`))
  }
  return steps
})

/** A task as a node without a cache loads it, and the number of records that it read. */
const loaded = Effect.fnUntraced(function* (id: string) {
  const log = yield* EventLog
  let reads = 0
  const counting = EventLog.of({
    ...log,
    at: (seq) =>
      Effect.andThen(
        Effect.sync(() => (reads += 1)),
        log.at(seq),
      ),
  })
  const { load } = yield* Effect.provideService(fresh, EventLog, counting)
  const { state, version } = yield* load(Task, id)
  return { state, version, reads }
})

const recordsOf = Effect.gen(function* () {
  const log = yield* EventLog
  const { last } = yield* log.head
  return yield* log.follow(0).pipe(Stream.filter(isRecorded), Stream.take(last), Stream.runCollect)
})

const verified = Effect.map(verify(undefined), ({ verification }) => verification.problems)

const folded = (records: ReadonlyArray<Recorded>) =>
  records.reduce(
    (state, { record, seq }) =>
      record.events.reduce(
        (before, event) => Task.evolve(before, event as never, { seq, at: record.at }),
        state,
      ),
    Task.initial,
  )

const test = <E>(
  title: string,
  effect: Effect.Effect<void, E, EventLog | Layer.Success<typeof DigestLayer>>,
) => it.live(title, () => Effect.provide(effect, [MemoryLog, DigestLayer]), 60_000)

describe("a state that is larger than a record may be", () => {
  for (const count of [1, 2, 3]) {
    test(
      `a large state is loaded from few records when ${count} nodes write in turn, and is what its events make`,
      Effect.gen(function* () {
        const id = randomUUID()
        const nodes = yield* Effect.all(Array.from({ length: count }, () => fresh))
        yield* filled(id, nodes)
        const records = yield* recordsOf
        assert.lengthOf(records, STEPS + 1)
        for (const { record } of records)
          assert.isBelow(Buffer.byteLength(JSON.stringify(record)), 254 * 1024)
        const { reads, state, version } = yield* loaded(id)
        assert.isAtMost(reads, READ_AT_MOST)
        assert.deepStrictEqual(state, folded(records))
        assert.strictEqual(version, STEPS + 1)
        assert.deepStrictEqual(yield* verified, [])
      }),
    )
  }

  test(
    "a state that was large and is small again has its snapshot in every record again",
    Effect.gen(function* () {
      const id = randomUUID()
      const node = yield* fresh
      const steps = yield* filled(id, [node])
      for (const step_id of steps) {
        yield* node.dispatch(FreeTask, id, RemoveStep.make({ step_id }), envelope(`:${step_id}`))
      }
      const short = TaskCommand.cases.ChangeTask.make({
        actor: envelope("").actor,
        changes: { description: "" },
      })
      yield* node.dispatch(FreeTask, id, short, envelope("ada:short"))
      assert.strictEqual((yield* loaded(id)).reads, 0)
      assert.deepStrictEqual(yield* verified, [])
    }),
  )

  test(
    "a piece of a snapshot that was forged is found by verify",
    Effect.gen(function* () {
      const log = yield* EventLog
      const id = randomUUID()
      yield* filled(id, [yield* fresh])
      const isPiece = ({ record }: Recorded) => record.snapshot?.fold.endsWith("/part") === true
      const piece = (yield* recordsOf).find(isPiece)!
      const { snapshot } = piece.record
      const part = snapshot!.state as { readonly text: string }
      const state = { ...part, text: part.text.replace("漢", "字") }
      const forged = { ...piece, record: { ...piece.record, snapshot: { ...snapshot!, state } } }
      const other = EventLog.of({
        ...log,
        follow: (after) => Stream.map(log.follow(after), (line) => (line.seq === piece.seq ? forged : line)),
      })
      const problems = yield* Effect.provideService(verified, EventLog, other)
      assert.lengthOf(problems, 1)
      assert.include(problems[0]?.problem, `is not the fold as of record ${piece.record.prev}`)
    }),
  )
})
