import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { board, deployed, publish } from "./board.ts"
import { crewlog, spawned, start } from "./crewlog.ts"

const UNFIT = /[^\n\P{Cc}]|\p{Bidi_Control}/u

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(effect))

const there = Effect.gen(function* () {
  const made = yield* board
  return { ...made, ...(yield* deployed(made.lines)) }
})

const linesOf = (text: string) => text.trimEnd().split("\n")
const positionsIn = (text: string) =>
  text === "" ? [] : linesOf(text).map((line) => (JSON.parse(line) as { seq: number }).seq)

describe("crewlog log tail", () => {
  test(
    "crewlog log tail prints the newest records, a line each, within 80 columns",
    Effect.gen(function* () {
      const { env } = yield* there
      const { code, out } = yield* crewlog(["log", "tail", "-n", "3"], env)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(
        linesOf(out).map((line) => line.trim().split(/\s+/)[0]),
        ["6", "7", "8"],
      )
      for (const line of linesOf(out)) assert.isAtMost(line.length, 80)
      assert.isFalse(UNFIT.test(out))
    }),
  )

  test(
    "filters by aggregate, event, actor, correlation and position",
    Effect.gen(function* () {
      const { env, id, js, key, lines } = yield* there
      for (const [args, positions] of [
        [
          ["--aggregate", key],
          [2, 3, 4, 5],
        ],
        [
          ["--aggregate", `chat.${id}`],
          [7, 8],
        ],
        [
          ["--type", "TaskTaken"],
          [3, 5],
        ],
        [["--type", "ChatOpened"], [7]],
        [
          ["--type", "ChatOpened,TaskRejected"],
          [4, 7],
        ],
        [
          ["--actor", "ada", "-n", "2"],
          [7, 8],
        ],
        [["--actor", "bob"], []],
        [
          ["--correlation", "test", "--after", "6"],
          [7, 8],
        ],
        [["--correlation", "other"], []],
        [["--after", "8"], []],
        [["--after", "99"], []],
        [["-n", "0"], []],
      ] as const) {
        const { code, out } = yield* crewlog(["log", "tail", "--json", ...args], env)
        assert.deepStrictEqual([code, positionsIn(out)], [0, [...positions]], args.join(" "))
      }
      // More than the first look back takes in.
      yield* Effect.forEach(
        Array.from({ length: 1_500 }, (_, index) => index),
        (index) => publish(js, { ...lines[0]!, subject: { type: "member", id: `m${index}` } }),
        { concurrency: 100 },
      )
      const { out } = yield* crewlog(["log", "tail", "--json", "--type", "TaskTaken"], env)
      assert.deepStrictEqual(positionsIn(out), [3, 5])
    }),
  )

  test(
    "crewlog log tail follows until it is interrupted, which is no failure",
    Effect.gen(function* () {
      const { env, js, lines } = yield* there
      const { child, ended, said } = start(["log", "tail", "--follow", "--json", "-n", "1"], env)
      yield* Effect.promise(() => said('"seq":8'))
      yield* publish(js, { ...lines[0]!, subject: { type: "member", id: "another" } })
      yield* Effect.promise(() => said('"seq":9'))
      child.kill("SIGINT")
      const { code, out } = yield* Effect.promise(() => ended)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(positionsIn(out), [8, 9])
    }),
  )

  test(
    "crewlog log tail does not mind that nobody reads on",
    Effect.gen(function* () {
      const { env } = yield* there
      const { child, ended } = start(["log", "tail", "--json", "--after", "0"], env)
      child.stdout.destroy()
      const { code, err } = yield* Effect.promise(() => ended)
      assert.deepStrictEqual([code, err], [0, ""])
    }),
  )
})

describe("crewlog log show", () => {
  test(
    "crewlog log show prints who, what, when and why, with whatever agents wrote made harmless",
    Effect.gen(function* () {
      const { env, key } = yield* there
      const { code, out } = yield* crewlog(["log", "show", "4"], env)
      assert.strictEqual(code, 0)
      for (const part of [
        `aggregate   ${key}`,
        "actor       ada",
        "bob:reject",
        "TaskRejected",
        "because of",
      ]) {
        assert.include(out, part)
      }
      const causes = linesOf(out.slice(out.indexOf("because of"))).slice(1)
      assert.deepStrictEqual(
        causes.map((line) => line.trim().split(/\s+/)[0]),
        ["3", "2"],
      )
      for (const line of linesOf(out)) assert.isAtMost(line.length, 80)
      assert.isFalse(UNFIT.test((yield* crewlog(["log", "show", "2"], env)).out))
    }),
  )

  test(
    "crewlog log show gives the whole record as JSON",
    Effect.gen(function* () {
      const { env, key, lines } = yield* there
      const { out } = yield* crewlog(["log", "show", "2", "--json"], env)
      assert.isFalse(UNFIT.test(out))
      assert.deepStrictEqual(JSON.parse(out), { seq: 2, aggregate: key, ...lines[1]!.record })
    }),
  )

  test(
    "crewlog log show says which records there are when there is no such one",
    Effect.gen(function* () {
      const { env } = yield* there
      const { code, err, out } = yield* crewlog(["log", "show", "99"], env)
      assert.deepStrictEqual([code, out], [1, ""])
      assert.strictEqual(err, "crewlog: there is no record 99: the log goes from 1 to 8\n")
    }),
  )
})

describe("crewlog log history", () => {
  test(
    "crewlog log history prints everything that happened to an aggregate, by name or by a position of it",
    Effect.gen(function* () {
      const { env, key } = yield* there
      const { out } = yield* crewlog(["log", "history", key], env)
      const heads = linesOf(out).filter((line) => /^ *\d+ /.test(line))
      assert.deepStrictEqual(
        heads.map((line) => line.trim().split(/\s+/).at(-1)),
        ["TaskCreated", "TaskTaken", "TaskRejected", "TaskTaken"],
      )
      assert.include(out, "because of 3 ada TaskTaken")
      assert.include(out, "and that of 2 ada TaskCreated")
      for (const line of linesOf(out)) assert.isAtMost(line.length, 80)
      assert.isFalse(UNFIT.test(out))
      assert.strictEqual((yield* crewlog(["log", "history", "4"], env)).out, out)
    }),
  )

  test(
    "crewlog log history gives it as JSON, with the causes",
    Effect.gen(function* () {
      const { env, key } = yield* there
      const { out } = yield* crewlog(["log", "history", key, "--json"], env)
      const entries = JSON.parse(out) as ReadonlyArray<{
        seq: number
        causes: ReadonlyArray<{ seq: number }>
      }>
      assert.deepStrictEqual(
        entries.map(({ causes, seq }) => [seq, ...causes.map((cause) => cause.seq)]),
        [[2], [3, 2], [4, 3, 2], [5]],
      )
    }),
  )

  test(
    "crewlog log history tells what is unknown from what is no name",
    Effect.gen(function* () {
      const { env } = yield* there
      const unknown = yield* crewlog(["log", "history", "member.nobody"], env)
      assert.strictEqual(unknown.code, 1)
      assert.match(unknown.err, /^crewlog: the log knows no member.nobody\.[^\n]*\n$/)
      for (const name of ["task", "task.*", "nothing.x", "task.a.b"]) {
        const wrong = yield* crewlog(["log", "history", name], env)
        assert.strictEqual(wrong.code, 2)
        assert.match(wrong.err, /^crewlog: [^\n]* is no aggregate\.[^\n]*\n$/)
      }
    }),
  )
})

describe("crewlog", () => {
  test(
    "helps within 80 columns, at every command",
    Effect.gen(function* () {
      for (const command of [
        "",
        "serve",
        "status",
        "settings",
        "log",
        "log tail",
        "log show",
        "log history",
        "log at",
        "log diff",
        "log explain",
        "log replay",
        "log export",
        "log import",
        "verify",
        "rebuild",
        "token",
      ]) {
        const { code, err, out } = yield* crewlog([...command.split(" ").filter(Boolean), "--help"])
        assert.deepStrictEqual([code, err], [0, ""])
        assert.include(out, `crewlog ${command}`.trim())
        for (const line of linesOf(out)) assert.isAtMost(line.length, 80, line)
      }
    }),
  )

  test(
    "crewlog takes wrong usage for what it is: one line, exit code 2",
    Effect.gen(function* () {
      for (const args of [
        ["nonsense"],
        ["verify", "--nonsense"],
        ["log", "show"],
        ["log", "show", "x"],
        ["log", "show", "-1"],
        ["token", "NOT A SLUG"],
      ]) {
        const { code, err, out } = yield* spawned(args)
        assert.deepStrictEqual([code, out], [2, ""], args.join(" "))
        assert.match(err, /^crewlog: [^\n]* --help\.\n$/)
      }
    }),
  )

  test(
    "crewlog says which setting is wrong, without a stack trace",
    Effect.gen(function* () {
      const { code, err, out } = yield* spawned(["status"], { CREWLOG_PORT: "many" })
      assert.deepStrictEqual([code, out], [1, ""])
      assert.match(err, /^crewlog: CREWLOG_PORT is "many", but should be [^\n]*\n$/)
    }),
  )
})
