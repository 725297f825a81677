import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { verify } from "../../../src/cli/verify/verification.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { EventLog, LogDamaged } from "../../../src/domain/EventLog.ts"
import { isRecorded } from "../../../src/domain/Line.ts"
import { createTask, envelope, FreeTask, FreshDispatcher, reject, take } from "../../support/commands.ts"

type Line = Recorded | "missing" | "unreadable"

/** A log that holds these lines, whatever is in them. */
const logOf = (lines: ReadonlyArray<Line>, first = 1): EventLog["Service"] => {
  const damaged = (seq: number) => Effect.fail(new LogDamaged({ seq, reason: "is not a commit record" }))
  const read = (seq: number) => {
    const line = lines[seq - first]
    if (line === "unreadable") return damaged(seq)
    return line === "missing" ? Effect.undefined : Effect.succeed(line)
  }
  const next = (seq: number): Effect.Effect<Recorded, LogDamaged> =>
    Effect.flatMap(read(seq), (line) =>
      line === undefined
        ? seq > lines.length + first
          ? Effect.never
          : Effect.fail(new LogDamaged({ seq, reason: `is missing: another follows ${seq - 1}` }))
        : Effect.succeed(line),
    )
  return {
    head: Effect.succeed({ epoch: "test", first, last: lines.length + first - 1 }),
    line: read,
    follow: (after: number) =>
      Stream.fromIterable({
        *[Symbol.iterator]() {
          for (let seq = after + 1; ; seq += 1) yield seq
        },
      }).pipe(Stream.mapEffect(next)),
  } as unknown as EventLog["Service"]
}

/** A task with four records, then another with one. */
const history = Effect.gen(function* () {
  const log = yield* EventLog
  const { dispatch } = yield* Effect.provide(Dispatcher, FreshDispatcher)
  const [id, other] = [randomUUID(), randomUUID()]
  yield* dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
  yield* dispatch(FreeTask, id, take("bob"), envelope("bob:take"))
  yield* dispatch(FreeTask, id, reject("bob", randomUUID()), envelope("bob:reject"))
  yield* dispatch(FreeTask, id, take("eve"), envelope("eve:take"))
  yield* dispatch(FreeTask, other, createTask(other), envelope("ada:other"))
  const lines = yield* log.follow(0).pipe(Stream.filter(isRecorded), Stream.take(5), Stream.runCollect)
  return { lines, key: `task.${id}` }
}).pipe(Effect.provide([MemoryLog, DigestLayer]))

const verified = (lines: ReadonlyArray<Line>, first?: number) =>
  Effect.map(
    verify(undefined).pipe(Effect.provide([Layer.succeed(EventLog, logOf(lines, first)), DigestLayer])),
    ({ verification }) => verification,
  )

const changed = (lines: ReadonlyArray<Recorded>, seq: number, over: Partial<Recorded["record"]>) =>
  lines.map((line) => (line.seq === seq ? { ...line, record: { ...line.record, ...over } } : line))

const test = <E>(title: string, effect: Effect.Effect<void, E>) => it.live(title, () => effect)

describe("verifying the log", () => {
  test(
    "verifying the log finds nothing in a sound one, claims and remembered commands included",
    Effect.gen(function* () {
      const { lines } = yield* history
      assert.isTrue(lines.every(({ record }) => record.snapshot !== undefined))
      assert.deepStrictEqual(yield* verified(lines), {
        ok: true,
        records: 5,
        last: 5,
        first_bad: null,
        problems: [],
      })
    }),
  )

  /** As `history`, with a taking by who holds the task already. */
  const withNothingChanged = Effect.gen(function* () {
    const log = yield* EventLog
    const { dispatch } = yield* Effect.provide(Dispatcher, FreshDispatcher)
    const id = randomUUID()
    yield* dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
    yield* dispatch(FreeTask, id, take("bob"), envelope("bob:take"))
    yield* dispatch(FreeTask, id, take("bob"), envelope("bob:again"))
    yield* dispatch(FreeTask, id, reject("bob", randomUUID()), envelope("bob:reject"))
    const lines = yield* log.follow(0).pipe(Stream.filter(isRecorded), Stream.take(4), Stream.runCollect)
    return { lines, key: `task.${id}` }
  }).pipe(Effect.provide([MemoryLog, DigestLayer]))

  test(
    "verifying the log finds nothing wrong with a record of a command that changed nothing",
    Effect.gen(function* () {
      const { lines } = yield* withNothingChanged
      assert.deepStrictEqual(lines[2]?.record.events, [])
      assert.strictEqual(lines[2]?.record.snapshot?.version, 2)
      assert.isTrue((yield* verified(lines)).ok)
    }),
  )

  test(
    "verifying the log finds such a record whose snapshot names another version, and one whose events were taken away",
    Effect.gen(function* () {
      const { key, lines } = yield* withNothingChanged
      const snapshot = lines[2]?.record.snapshot
      if (snapshot === undefined) throw new Error("there is no snapshot")
      const forged = yield* verified(changed(lines, 3, { snapshot: { ...snapshot, version: 3 } }))
      assert.deepStrictEqual(
        forged.problems.map(({ aggregate, problem, seq }) => [seq, aggregate, problem]),
        [[3, key, "its snapshot names another version than the fold"]],
      )
      const emptied = yield* verified(changed(lines, 2, { events: [] }))
      assert.deepInclude(emptied.problems[0], { seq: 2, aggregate: key })
    }),
  )

  test(
    "verifying the log finds nothing in an empty one",
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* verified([]), {
        ok: true,
        records: 0,
        last: 0,
        first_bad: null,
        problems: [],
      })
    }),
  )

  for (const over of [
    { actor: "mallory" },
    { at: "2020-01-01T00:00:00.000Z" },
    { command: "mallory:x" },
    { correlation: "another" },
    { fingerprint: "0000000000000000" },
    { hash: "0".repeat(64) },
  ]) {
    test(
      `verifying the log finds a record with another ${Object.keys(over)[0]}`,
      Effect.gen(function* () {
        const { key, lines } = yield* history
        const { ok, problems } = yield* verified(changed(lines, 2, over))
        assert.isFalse(ok)
        const found = problems.filter(({ problem }) => problem.includes("hash does not fit"))
        assert.deepInclude(found[0], { seq: 2, aggregate: key })
      }),
    )
  }

  test(
    "verifying the log finds changed events, by their hash",
    Effect.gen(function* () {
      const { lines } = yield* history
      const { problems } = yield* verified(
        changed(lines, 4, { events: [{ _tag: "TaskTaken", v: 1, assignee_slug: "mallory" }] }),
      )
      assert.include(problems[0]?.problem, "hash does not fit")
      assert.include(problems[1]?.problem, "snapshot's state")
    }),
  )

  test(
    "verifying the log finds a snapshot whose state, claim or commands the events do not make",
    Effect.gen(function* () {
      const { key, lines } = yield* history
      const snapshot = lines[3]!.record.snapshot!
      const state = snapshot.state as Record<string, string>
      for (const [wrong, what] of [
        [{ ...snapshot, state: { ...state, title: "Mine" } }, "state"],
        [{ ...snapshot, state: { ...state, claim: 2 } }, "state"],
        [{ ...snapshot, commands: snapshot.commands.slice(1) }, "remembers other commands"],
      ] as const) {
        const { problems } = yield* verified(changed(lines, 4, { snapshot: wrong }))
        assert.strictEqual(problems.length, 1)
        assert.deepInclude(problems[0], { seq: 4, aggregate: key })
        assert.include(problems[0]?.problem, what)
      }
    }),
  )

  test(
    "verifying the log finds a record that does not follow its aggregate's newest",
    Effect.gen(function* () {
      const { key, lines } = yield* history
      const { problems } = yield* verified(changed(lines, 4, { prev: 2 }))
      assert.deepInclude(problems[0], { seq: 4, aggregate: key })
      assert.include(problems[0]?.problem, "names record 2 as its predecessor, but that is 3")
    }),
  )

  test(
    "verifying the log finds a command that took effect twice, and a cause that comes later",
    Effect.gen(function* () {
      const { lines } = yield* history
      const { problems } = yield* verified(changed(lines, 4, { command: "bob:take", causation: 5 }))
      const said = problems.map(({ problem }) => problem).join("\n")
      assert.include(said, "holds a command that an earlier record")
      assert.include(said, "names record 5 as its cause")
    }),
  )

  test(
    "verifying the log finds events that their Schema does not know, and goes on behind them",
    Effect.gen(function* () {
      const { key, lines } = yield* history
      const { last, problems, records } = yield* verified(
        changed(lines, 2, { events: [{ _tag: "TaskStolen", v: 1 }] }),
      )
      assert.deepStrictEqual([records, last], [5, 5])
      assert.deepInclude(problems.at(-1), { seq: 2, aggregate: key })
      assert.include(problems.at(-1)?.problem, "not what their Schema says")
    }),
  )

  for (const damage of ["missing", "unreadable"] as const) {
    test(
      `notes a record that is ${damage}, what follows from it, and goes on behind it`,
      Effect.gen(function* () {
        const { key, lines } = yield* history
        const { last, problems, records } = yield* verified([lines[0]!, damage, ...lines.slice(2)])
        assert.deepStrictEqual([records, last], [4, 5])
        assert.deepStrictEqual(
          problems.map(({ aggregate, seq }) => [seq, aggregate]),
          [
            [2, ""],
            [3, key],
          ],
        )
      }),
    )

    test(
      `verifying the log ends although the last record is ${damage}`,
      Effect.gen(function* () {
        const { lines } = yield* history
        const { problems } = yield* verified([...lines.slice(0, 4), damage])
        assert.deepStrictEqual(
          problems.map(({ seq }) => seq),
          [5],
        )
      }),
    )
  }

  test(
    "notes that the first records are missing",
    Effect.gen(function* () {
      const { lines } = yield* history
      const { ok, problems, records } = yield* verified(lines.slice(2), 3)
      assert.isFalse(ok)
      assert.strictEqual(records, 3)
      assert.deepInclude(problems[0], { seq: 3, aggregate: "" })
      assert.include(problems[0]?.problem, "2 are missing")
    }),
  )

  test(
    "verifying the log gives up on a log of which much is damaged, and says so",
    Effect.gen(function* () {
      const { ok, problems } = yield* verified(Array.from({ length: 500 }, () => "unreadable" as const))
      assert.isFalse(ok)
      assert.strictEqual(problems.length, 101)
      assert.include(problems.at(-1)?.problem, "was not read any further")
    }),
  )
})
