import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { board, changed, deployed } from "../board.ts"
import { crewlog } from "../crewlog.ts"

const UNFIT = /[^\n\P{Cc}]|\p{Bidi_Control}/u

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(effect))

const there = Effect.gen(function* () {
  const made = yield* board
  return { ...made, ...(yield* deployed(made.lines)) }
})

const linesOf = (text: string) => text.trimEnd().split("\n")

interface Shown {
  readonly seq: number
  readonly at: string | null
  readonly tasks: ReadonlyArray<{ readonly id: string; readonly assignee_slug: string | null }>
  readonly members: ReadonlyArray<Readonly<Record<string, unknown>>>
}
const parsed = (out: string) => JSON.parse(out) as Shown

describe("crewlog log at", () => {
  test(
    "crewlog log at shows the board as it was, for people and for programs",
    Effect.gen(function* () {
      const { env, id, lines } = yield* there
      const holders: Array<string | null | undefined> = []
      for (let seq = 0; seq <= 8; seq += 1) {
        const { code, out } = yield* crewlog(["log", "at", String(seq), "--json"], env)
        assert.strictEqual(code, 0)
        const shown = parsed(out)
        assert.deepStrictEqual([shown.seq, shown.at], [seq, lines[seq - 1]?.record.at ?? null])
        assert.lengthOf(shown.members, seq === 0 ? 0 : 1)
        for (const member of shown.members) assert.notProperty(member, "token_hash")
        holders.push(shown.tasks.find((task) => task.id === id)?.assignee_slug)
      }
      assert.deepStrictEqual(holders, [undefined, undefined, null, "bob", null, "eve", "eve", "eve", "eve"])
      const { out } = yield* crewlog(["log", "at", "3"], env)
      assert.match(out, /The board at record 3, /)
      assert.match(out, /TE-1 +todo +bob +Ship it/)
      for (const line of linesOf(out)) assert.isAtMost(line.length, 80)
      assert.isFalse(UNFIT.test(out))
    }),
  )

  test(
    "crewlog log at finds the position of a time",
    Effect.gen(function* () {
      const { lines } = yield* there
      const timed = lines.map(({ record, seq, subject }) => ({
        seq,
        subject,
        record: { ...record, at: `2026-03-01T12:0${seq}:00.000Z` },
      }))
      const { env } = yield* deployed(timed)
      for (const [moment, seq] of [
        ["2026-03-01", 0],
        ["2026-03-01T12:00:59.999", 0],
        ["2026-03-01T12:01", 1],
        ["2026-03-01T13:05:30+01:00", 5],
        ["2026-03-01 12:08:00Z", 8],
        ["2026-03-01t12:00:59.9999999z", 0],
        ["2026-03-01T12:05:00.0Z", 5],
        ["2026-03-01T12:05:00.000000001Z", 5],
        ["2027-01-01", 8],
      ] as const) {
        const { out } = yield* crewlog(["log", "at", moment, "--json"], env)
        assert.strictEqual(parsed(out).seq, seq, moment)
      }
    }),
  )

  test(
    "crewlog log at says what is no moment, and what never was",
    Effect.gen(function* () {
      const { env } = yield* there
      const wrong = yield* crewlog(["log", "at", "yesterday"], env)
      assert.strictEqual(wrong.code, 2)
      assert.match(wrong.err, /^crewlog: yesterday is no moment\.[^\n]*\n$/)
      assert.strictEqual((yield* crewlog(["log", "at", "2026-13-01"], env)).code, 2)
      const future = yield* crewlog(["log", "at", "9"], env)
      assert.deepStrictEqual(
        [future.code, future.out, future.err],
        [1, "", "crewlog: there is no record 9: the log goes from 1 to 8\n"],
      )
      const project = yield* crewlog(["log", "at", "8", "--project", "nothing"], env)
      assert.deepStrictEqual([project.code, project.err], [1, "crewlog: there was no project nothing then\n"])
    }),
  )

  test(
    "crewlog log at warns when what it shows rests on a record that was changed",
    Effect.gen(function* () {
      const { lines } = yield* board
      const { env } = yield* deployed(changed(lines, 3, { actor: "mallory" }))
      const { code, err } = yield* crewlog(["log", "at", "4"], env)
      assert.strictEqual(code, 1)
      assert.include(err, "the log is not sound up to there")
      assert.strictEqual((yield* crewlog(["log", "at", "2"], env)).code, 0)
    }),
  )
})

describe("crewlog log diff", () => {
  test(
    "crewlog log diff says what changed between two moments, whichever comes first",
    Effect.gen(function* () {
      const { env, id, key } = yield* there
      const { code, out } = yield* crewlog(["log", "diff", "2", "5", "--json"], env)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(JSON.parse(out), {
        from: 2,
        to: 5,
        aggregates: [
          {
            aggregate: key,
            name: "TE-1",
            records: [3, 4, 5],
            actors: ["ada"],
            events: ["TaskTaken", "TaskRejected", "TaskTaken"],
            changes: [
              { field: "assignee_slug", before: null, after: "eve" },
              { field: "claim", before: null, after: 5 },
            ],
          },
        ],
      })
      assert.strictEqual((yield* crewlog(["log", "diff", "5", "2", "--json"], env)).out, out)
      const people = yield* crewlog(["log", "diff", "0", "8"], env)
      assert.include(people.out, `task.${id} (TE-1)`)
      assert.include(people.out, "nothing -> eve")
      assert.notInclude(people.out, "token_hash")
      for (const line of linesOf(people.out)) assert.isAtMost(line.length, 80)
      assert.isFalse(UNFIT.test(people.out))
    }),
  )

  test(
    "crewlog log diff says that nothing happened",
    Effect.gen(function* () {
      const { env } = yield* there
      const { code, out } = yield* crewlog(["log", "diff", "3", "3"], env)
      assert.deepStrictEqual([code, out], [0, "Nothing happened between record 3 and 3.\n"])
    }),
  )
})
