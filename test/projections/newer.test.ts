import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { digest, layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import type { Line } from "../../src/domain/Line.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Member, MemberCommand } from "../../src/domain/Member.ts"
import { Roster } from "../../src/projections/Roster.ts"
import { BatchRefused, sift } from "../../src/projections/sift.ts"
import { envelope, FreshDispatcher } from "../support/commands.ts"
import { appendNext, recordOf } from "../support/records.ts"
import { crewOn } from "./crews.ts"

const stray = (seq: number): Line => ({
  seq,
  stray: { subject: "crew.evt.x", reason: "is no record", hash: "", headers: [], data: new Uint8Array() },
})

const seqs = (lines: ReadonlyArray<{ readonly seq: number }>) => lines.map(({ seq }) => seq)

describe("the lines of a batch", () => {
  /** Two tasks, each taken: of one the taking is by an event that nobody knows. */
  const crew = () => {
    const { create, log, take } = crewOn()
    const [ill, sound] = [create(), create()]
    log.push(log.next({ type: "task", id: ill }, [{ _tag: "TaskPinned", v: 1 }]))
    take(sound, "bob")
    log.push(log.next({ type: "task", id: ill }, [{ _tag: "TaskTaken", v: 1, assignee_slug: "eve" }]))
    return { ill, log }
  }

  it.effect(
    "the lines of a batch are sorted: newer records and those behind them are parked, stray messages named, the rest folded",
    () =>
      Effect.gen(function* () {
        const { ill, log } = crew()
        const parked = new Map<string, number>()
        const sifted = yield* sift({ log: log.service, digest, parked }, [...log.records, stray(6)])
        assert.deepStrictEqual(seqs(sifted.records), [1, 2, 4])
        assert.deepStrictEqual(
          sifted.park.map(({ error, recorded }) => [recorded.seq, error]),
          [
            [3, "a newer program wrote it (TaskPinned v1)"],
            [5, "waits behind an earlier record of its aggregate"],
          ],
        )
        assert.deepStrictEqual(seqs(sifted.strays), [6])
        assert.deepStrictEqual([...parked], [[`task.${ill}`, 3]])
        // Once more, after a batch that was not written: what came before the newer record is not behind it.
        const again = yield* sift({ log: log.service, digest, parked }, log.records)
        assert.deepStrictEqual(seqs(again.records), [1, 2, 4])
        assert.deepStrictEqual(
          again.park.map(({ recorded }) => recorded.seq),
          [3, 5],
        )
      }),
  )

  it.effect(
    "the lines of a batch are nobody's work with a wrong hash: an unknown event is tried, an unknown type refused",
    () =>
      Effect.gen(function* () {
        const { log } = crew()
        const [, , third] = log.records
        assert.isDefined(third)
        const wrong = { ...third, record: { ...third.record, hash: "0".repeat(64) } }
        const parked = new Map<string, number>()
        const sifted = yield* sift({ log: log.service, digest, parked }, [wrong])
        assert.deepStrictEqual([seqs(sifted.records), sifted.park, parked.size], [[3], [], 0])
        const unknown = { seq: 1, subject: { type: "sprint", id: "one" }, record: recordOf(0) }
        const error = yield* Effect.flip(sift({ log: log.service, digest, parked }, [unknown]))
        assert.instanceOf(error, BatchRefused)
      }),
  )
})

describe("a member that a newer program has changed", () => {
  const Crew = Layer.mergeAll(Roster.layer, FreshDispatcher).pipe(
    Layer.provideMerge(Layer.mergeAll(MemoryLog, DigestLayer)),
  )
  const register = Effect.fnUntraced(function* (slug: string) {
    const id = randomUUID()
    const command = MemberCommand.cases.RegisterMember.make({
      id,
      name: slug,
      slug,
      type: "agent",
      role: "member",
      capabilities: [],
      chat_listen: "all",
      task_listen: "all",
      prompt: null,
      model: null,
      token_hash: digest.sha256(slug),
    })
    const { seq } = yield* (yield* Dispatcher).dispatch(Member, id, command, envelope(`:${slug}`))
    yield* (yield* Roster).caughtUp(id, seq)
    return id
  })

  it.live(
    "a member that a newer program has changed is let in no more by a node that can't tell what it may, before and after a restart",
    () =>
      Effect.gen(function* () {
        const roster = yield* Roster
        const ada = yield* register("ada")
        const told = yield* roster.changes.pipe(
          Stream.take(1),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true }),
        )
        yield* appendNext({ type: "member", id: ada }, [{ _tag: "MemberBound", v: 1, projects: [] }])
        yield* Effect.sync(() => roster.bySlug("ada")).pipe(
          Effect.repeat({
            until: (member) => member?.is_enabled === false,
            schedule: Schedule.spaced("5 millis"),
          }),
        )
        assert.isFalse(roster.byToken(digest.sha256("ada"))?.is_enabled)
        yield* register("bob")
        assert.strictEqual(roster.byToken(digest.sha256("bob"))?.slug, "bob")
        const change = told.pollUnsafe()
        assert.isTrue(change?._tag === "Success" && change.value._tag === "Some")
        if (change?._tag === "Success" && change.value._tag === "Some")
          assert.deepInclude(change.value.value, { slug: "ada", is_enabled: false })

        const restarted = yield* Effect.provide(Roster, Layer.fresh(Roster.layer))
        assert.isUndefined(restarted.bySlug("ada"))
        assert.strictEqual(restarted.bySlug("bob")?.slug, "bob")
      }).pipe(Effect.scoped, Effect.provide(Crew)),
  )
})
