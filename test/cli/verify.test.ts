import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import postgres from "postgres"
import { kinds } from "../../src/projections/Commit.ts"
import type { Verification } from "../../src/cli/verify/verification.ts"
import { randomCrew } from "../projections/crews.ts"
import type { freshNats } from "../support/servers.ts"
import { board, changed, deployed, type Deployed, NASTY, publish } from "./board.ts"
import { crewlog } from "./crewlog.ts"

const UNFIT = /[^\n\P{Cc}]|\p{Bidi_Control}/u

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(effect))

const verified = Effect.fnUntraced(function* ({ env }: Deployed, ...args: ReadonlyArray<string>) {
  const { code, err, out } = yield* crewlog(["verify", "--json", ...args], env)
  const verification = JSON.parse(out) as Verification
  assert.deepStrictEqual(Object.keys(verification), ["ok", "records", "last", "first_bad", "problems"])
  assert.strictEqual(code, verification.ok ? 0 : 1)
  assert.strictEqual(err, "")
  return verification
})

/** The one problem there is. */
const onlyProblem = ({ first_bad, problems }: Verification) => {
  assert.strictEqual(problems.length, 1, JSON.stringify(problems))
  assert.strictEqual(first_bad, problems[0]!.seq || null)
  return problems[0]!
}

const inDatabase = ({ url }: Deployed, change: (sql: postgres.Sql) => PromiseLike<unknown>) =>
  Effect.promise(async () => {
    const sql = postgres(url, { max: 1, connection: { search_path: "crewlog" } })
    try {
      await change(sql)
    } finally {
      await sql.end()
    }
  })

describe("crewlog verify", () => {
  test(
    "crewlog verify finds nothing where log and rows are sound, and says so in words",
    Effect.gen(function* () {
      const here = yield* deployed((yield* board).lines)
      yield* here.projected
      assert.deepStrictEqual(yield* verified(here), {
        ok: true,
        records: 8,
        last: 8,
        first_bad: null,
        problems: [],
      })
      const { code, out } = yield* crewlog(["verify"], here.env)
      assert.deepStrictEqual([code, out], [0, "The log is sound: 8 records and 4 rows checked.\n"])
    }),
  )

  test(
    "crewlog verify finds nothing where there is a record of every type",
    Effect.gen(function* () {
      const { records } = randomCrew("verify")
      const types = new Set(records.map(({ subject }) => subject.type))
      assert.sameMembers([...types], Object.keys(kinds))
      const here = yield* deployed(records)
      yield* here.projected
      assert.deepInclude(yield* verified(here), { ok: true, records: records.length, problems: [] })
    }),
  )

  test(
    "crewlog verify compares rows at their own position when records came since",
    Effect.gen(function* () {
      const { lines } = yield* board
      const here = yield* deployed(lines.slice(0, 4))
      yield* here.projected
      for (const line of lines.slice(4)) yield* publish(here.js, line)
      assert.deepStrictEqual(yield* verified(here), {
        ok: true,
        records: 8,
        last: 8,
        first_bad: null,
        problems: [],
      })
      const { out } = yield* crewlog(["verify"], here.env)
      assert.strictEqual(out, "The log is sound: 8 records and 2 rows (as of record 4) checked.\n")
    }),
  )

  test(
    "crewlog verify names what is parked, and compares no row of its aggregate",
    Effect.gen(function* () {
      const { id, key, lines } = yield* board
      const here = yield* deployed(lines)
      yield* here.projected
      yield* inDatabase(here, async (sql) => {
        await sql`insert into parked (model, seq, type, id, record, error) values ('crew', 5, 'task', ${id}, '{}', 'it broke')`
        await sql`update task set title = 'as before' where id = ${id}`
      })
      assert.deepStrictEqual(onlyProblem(yield* verified(here)), {
        seq: 5,
        aggregate: key,
        problem: "is not in the read model: it is parked, since it broke",
      })
    }),
  )

  test(
    "crewlog verify finds a changed actor",
    Effect.gen(function* () {
      const { key, lines } = yield* board
      const here = yield* deployed(changed(lines, 3, { actor: "mallory" }))
      yield* here.projected
      const problem = onlyProblem(yield* verified(here))
      assert.deepInclude(problem, { seq: 3, aggregate: key })
      assert.include(problem.problem, "hash does not fit")
    }),
  )

  test(
    "crewlog verify names the first bad position",
    Effect.gen(function* () {
      const { lines } = yield* board
      const here = yield* deployed(changed(changed(lines, 6, { actor: "mallory" }), 3, { actor: "mallory" }))
      const { first_bad, problems } = yield* verified(here, "--log-only")
      assert.deepStrictEqual([first_bad, problems.map(({ seq }) => seq)], [3, [3, 6]])
      const { out } = yield* crewlog(["verify", "--log-only"], here.env)
      assert.include(out, "2 problems in 8 records, the first at record 3.")
    }),
  )

  test(
    "crewlog verify finds a forged record that somebody published",
    Effect.gen(function* () {
      const { key, lines } = yield* board
      const here = yield* deployed(lines)
      const { record, subject } = lines[4]!
      const { snapshot: _snapshot, ...forged } = {
        ...record,
        prev: 5,
        command: "mallory:x",
        events: [{ _tag: "TaskAssigned", v: 1, assignee_slug: "mallory", from: "eve" }] as const,
      }
      yield* publish(here.js, { record: forged, subject })
      yield* here.projected
      const problem = onlyProblem(yield* verified(here))
      assert.deepInclude(problem, { seq: 9, aggregate: key })
      assert.include(problem.problem, "hash does not fit")
    }),
  )

  test(
    "crewlog verify finds a wrong snapshot",
    Effect.gen(function* () {
      const { key, lines } = yield* board
      const snapshot = lines[4]!.record.snapshot!
      const state = { ...(snapshot.state as Record<string, string>), assignee_slug: "mallory" }
      const here = yield* deployed(changed(lines, 5, { snapshot: { ...snapshot, state } }))
      yield* here.projected
      const problem = onlyProblem(yield* verified(here))
      assert.deepInclude(problem, { seq: 5, aggregate: key })
      assert.include(problem.problem, "snapshot's state")
    }),
  )

  test(
    "crewlog verify finds a record that is none, and goes on behind it",
    Effect.gen(function* () {
      const { lines } = yield* board
      const here = yield* deployed(changed(lines, 6, { at: "yesterday" }))
      const found = yield* verified(here, "--log-only")
      assert.deepInclude(onlyProblem(found), { seq: 6, aggregate: "" })
      assert.deepInclude(found, { records: 7, last: 8 })
    }),
  )

  test(
    "crewlog verify finds a record that is gone, the first one too, and the last one",
    Effect.gen(function* () {
      const { lines } = yield* board
      const deletable = (access: Effect.Success<typeof freshNats>) =>
        withStreams(access, (jsm) =>
          jsm.streams.add({ name: "CREW", subjects: ["crew.evt.>"], allow_direct: true }),
        )
      const here = yield* deployed(lines, deletable)
      yield* withStreams(here.access, async (jsm) => {
        for (const seq of [1, 7, 8]) await jsm.streams.deleteMessage("CREW", seq)
      })
      const { ok, problems, records } = yield* verified(here, "--log-only")
      assert.isFalse(ok)
      assert.strictEqual(records, 5)
      assert.deepStrictEqual(
        problems.map(({ seq }) => seq),
        [2, 8, 7],
      )
    }),
  )

  test(
    "crewlog verify finds a row that differs from the fold, one too many and one too few",
    Effect.gen(function* () {
      const { id, key, lines, other } = yield* board
      const here = yield* deployed(lines)
      yield* here.projected
      const ghost = "00000000-0000-4000-8000-000000000000"
      yield* inDatabase(here, async (sql) => {
        await sql`update task set claim = 3, labels = '["mine"]' where id = ${id}`
        await sql`update chat set id = ${ghost} where id = ${id}`
        await sql`delete from task where id = ${other}`
      })
      const { problems } = yield* verified(here)
      assert.sameDeepMembers(problems as Array<unknown>, [
        { seq: 5, aggregate: key, problem: "its row differs from the fold in labels, claim" },
        { seq: 8, aggregate: `chat.${ghost}`, problem: "has a row, but no record on the log" },
        { seq: 8, aggregate: `chat.${id}`, problem: "has no row in the read model" },
        { seq: 6, aggregate: `task.${other}`, problem: "has no row in the read model" },
      ])
    }),
  )

  test(
    "crewlog verify refuses a log that is not the one that the rows were made from: another, an older copy, one that was cut",
    Effect.gen(function* () {
      const { lines } = yield* board
      for (const [column, value, said] of [
        ["log", "'2020-01-01T00:00:00Z'", "made from a log that was created 2020"],
        ["hash", "repeat('0', 64)", "knows record 8 with the hash 000"],
        ["seq", "9", "the log ends at 8, but the read model has seen it up to 9"],
      ] as const) {
        const here = yield* deployed(lines)
        yield* here.projected
        yield* inDatabase(here, (sql) => sql.unsafe(`update checkpoint set ${column} = ${value}`))
        assert.include(onlyProblem(yield* verified(here)).problem, said)
      }
    }),
  )

  test(
    "crewlog verify says that PostgreSQL is away, and does without if it may",
    Effect.gen(function* () {
      const here = yield* deployed((yield* board).lines)
      const away = { ...here, env: { ...here.env, DATABASE_URL: "postgres://127.0.0.1:1/none" } }
      const problem = onlyProblem(yield* verified(away))
      assert.include(problem.problem, "PostgreSQL is away")
      assert.isTrue((yield* verified(away, "--log-only")).ok)
    }),
  )

  test(
    "crewlog verify prints no control and no bidirectional character, whatever a record holds",
    Effect.gen(function* () {
      const { lines } = yield* board
      const here = yield* deployed(changed(lines, 6, { events: [{ _tag: NASTY, v: 1 }] }))
      for (const args of [
        ["verify", "--log-only"],
        ["verify", "--log-only", "--json"],
      ]) {
        const { code, out } = yield* crewlog(args, here.env)
        assert.strictEqual(code, 1)
        assert.isFalse(UNFIT.test(out), JSON.stringify(out))
      }
    }),
  )

  test(
    "crewlog verify says in one line that nothing answers, or that there is no log",
    Effect.gen(function* () {
      const away = yield* crewlog(["verify"], {
        NATS_URL: "nats://127.0.0.1:1",
        DATABASE_URL: "postgres://127.0.0.1:1/none",
        CREWLOG_ENCRYPTION_KEY: "0".repeat(64),
      })
      assert.deepStrictEqual([away.code, away.out], [1, ""])
      assert.match(away.err, /^crewlog: no NATS server answers at [^\n]*\n$/)
      const none = yield* crewlog(["verify", "--data", "/nowhere/at/all"])
      assert.deepStrictEqual([none.code, none.out], [1, ""])
      assert.match(none.err, /^crewlog: there is no log in \/nowhere\/at\/all[^\n]*\n$/)
    }),
  )
})

const withStreams = (
  access: Effect.Success<typeof freshNats>,
  change: (jsm: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<unknown>,
) =>
  Effect.promise(async () => {
    const { pass = "", url, user = "" } = Redacted.value(access.setup)
    const connection = await connect({ servers: url, user, pass })
    try {
      await change(await jetstreamManager(connection))
    } finally {
      await connection.close()
    }
  })
