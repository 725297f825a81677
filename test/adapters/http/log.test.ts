import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { HttpServer } from "../../../src/adapters/http/HttpServer.ts"
import { logStream } from "../../../src/operations/logStream.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { freshSubject, recordOf } from "../../support/records.ts"
import { type Answer, as, asAdmin, join, newProject, newTask, request } from "./client.ts"
import { ADMIN_TOKEN, door } from "./door.ts"

interface Shown {
  readonly seq: number
  readonly aggregate: string
  readonly events: ReadonlyArray<Readonly<Record<string, unknown>>>
}

const seqs = (body: unknown) => (body as ReadonlyArray<Shown>).map(({ seq }) => seq)

/** A project, a member and tasks: the log that is read here. */
const busy = Effect.gen(function* () {
  yield* newProject("team-board")
  const token = yield* join("bob")
  const tasks = yield* Effect.forEach([1, 2, 3], () => newTask("team-board"))
  for (const { id } of tasks) yield* as(token)("POST", `/tasks/${id}/take`)
  const { last } = yield* (yield* EventLog).head
  return { last, tasks, token }
})

/** Reads server-sent events until `isEnough`, or until the stream ends. */
const events = Effect.fnUntraced(function* (
  path: string,
  isEnough: (text: string) => boolean,
  headers: Readonly<Record<string, string>> = {},
  token = ADMIN_TOKEN,
) {
  const { url } = yield* HttpServer
  return yield* Effect.promise(async (signal) => {
    const response = await fetch(`${url}/api/v1/log/stream${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      signal,
    })
    assert.strictEqual(response.status, 200)
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    let done = false
    while (!done && !isEnough(text)) {
      const read = await reader.read()
      done = read.done
      text += read.value ?? ""
    }
    await reader.cancel()
    return { text, done }
  })
})

const idsIn = (text: string) => [...text.matchAll(/^id: (\d+)\nevent: record$/gm)].map(([, id]) => Number(id))

describe("GET /log", () => {
  it.live("the log over REST gives the log in pages that make the whole, without any token's hash", () =>
    Effect.gen(function* () {
      const { last } = yield* busy
      const found: Array<number> = []
      let path: string | undefined = "/log?limit=3"
      while (path !== undefined) {
        const { body, headers, status }: Answer = yield* asAdmin("GET", path)
        assert.strictEqual(status, 200)
        assert.notInclude(JSON.stringify(body), "token_hash")
        found.push(...seqs(body))
        assert.strictEqual(headers.get("crewlog-seq"), String(found.at(-1)))
        path = /<\/api\/v1([^>]*)>; rel="next"/.exec(headers.get("link") ?? "")?.[1]
      }
      assert.deepStrictEqual(
        found,
        Array.from({ length: last }, (_, index) => index + 1),
      )
    }).pipe(Effect.provide(door())),
  )

  it.live("filters by position, event types and subject", () =>
    Effect.gen(function* () {
      const { last, tasks } = yield* busy
      const [one] = tasks
      const taken = yield* asAdmin("GET", "/log?types=TaskTaken,TaskReleased")
      assert.lengthOf(taken.body, 3)
      for (const { events } of taken.body) assert.strictEqual(events[0]._tag, "TaskTaken")
      const own = yield* asAdmin("GET", `/log?subject=task.${one?.id}`)
      assert.deepStrictEqual(
        (own.body as ReadonlyArray<Shown>).map(({ aggregate, events }) => [aggregate, events[0]?.["_tag"]]),
        [
          [`task.${one?.id}`, "TaskCreated"],
          [`task.${one?.id}`, "TaskTaken"],
        ],
      )
      const members = yield* asAdmin("GET", "/log?subject=member")
      assert.lengthOf(members.body, 2)
      const later = yield* asAdmin("GET", `/log?after=${last - 1}`)
      assert.deepStrictEqual(seqs(later.body), [last])
      const beyond = yield* asAdmin("GET", `/log?after=${last + 100}`)
      assert.deepStrictEqual([beyond.body, beyond.headers.get("link")], [[], null])
      for (const query of ["after=-1", "after=x", "types=a%20b", "subject=nothing.x", "subject=task.*"]) {
        assert.strictEqual((yield* asAdmin("GET", `/log?${query}`)).status, 400, query)
      }
    }).pipe(Effect.provide(door())),
  )
})

describe("GET /log/stream", () => {
  it.live(
    "the stream of the log tells what is there and then what comes, and goes on after the last event that was seen",
    () =>
      Effect.gen(function* () {
        const { last, token } = yield* busy
        const listening = yield* Effect.forkChild(
          events("?after=0", (text) => idsIn(text).length > last),
          { startImmediately: true },
        )
        const { id } = yield* newTask("team-board")
        const { text } = yield* Fiber.join(listening)
        assert.deepStrictEqual(
          idsIn(text),
          Array.from({ length: idsIn(text).length }, (_, index) => index + 1),
        )
        assert.notInclude(text, "token_hash")
        yield* as(token)("POST", `/tasks/${id}/take`)
        const resumed = yield* events("?after=0&types=TaskTaken", (text) => text.includes(id), {
          "last-event-id": String(last),
        })
        assert.lengthOf(idsIn(resumed.text), 1)
        const wrong = yield* request("GET", "/api/v1/log/stream", {
          token: ADMIN_TOKEN,
          headers: { "last-event-id": "x" },
        })
        assert.strictEqual(wrong.status, 400)
      }).pipe(Effect.provide(door())),
  )

  it.live("the stream of the log ends at once for an admin who is none any more, or whose token is", () =>
    Effect.gen(function* () {
      for (const [slug, method, path, body] of [
        ["eve", "PATCH", "/members/eve", { role: "member" }],
        ["dan", "PATCH", "/members/dan", { is_enabled: false }],
        ["cleo", "POST", "/members/cleo/token", undefined],
      ] as const) {
        const token = yield* join(slug, { role: "admin" })
        const listening = yield* Effect.forkChild(
          events("?after=0", () => false, {}, token),
          {
            startImmediately: true,
          },
        )
        yield* Effect.sleep("100 millis")
        assert.strictEqual((yield* asAdmin(method, path, body)).status, 200)
        const { done } = yield* Fiber.join(listening).pipe(Effect.timeout("3 seconds"))
        assert.isTrue(done, slug)
      }
    }).pipe(Effect.provide(door())),
  )

  it.live("the stream of the log ends when the server stops, which does not wait for it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(door({ CREWLOG_DRAIN_TIMEOUT: "20 seconds" }), scope)
      yield* Effect.gen(function* () {
        let isOpen = false
        const listening = yield* Effect.forkChild(
          events("?after=0", (text) => {
            isOpen ||= text.includes("id: 1")
            return false
          }),
          { startImmediately: true },
        )
        yield* Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => isOpen }))
        const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.isBelow(Duration.toMillis(took), 3_000)
        const { done, text } = yield* Fiber.join(listening)
        assert.isTrue(done)
        assert.isTrue(text.endsWith("\n\n"), "no event was cut in two")
      }).pipe(Effect.provideContext(context))
    }),
  )

  it.live(
    "the stream of the log reads no more of the log than its reader takes, and keeps a quiet one going",
    () =>
      Effect.gen(function* () {
        let made = 0
        const forever = {
          *[Symbol.iterator]() {
            for (;;) yield { seq: ++made, subject: freshSubject(), record: recordOf(0) }
          },
        }
        const endless = Stream.fromIterable(forever, { chunkSize: 1 })
        const options = { isAllowed: () => true, changes: Stream.never, matches: () => true }
        const log = { ...(yield* EventLog), follow: () => endless }
        let taken = 0
        yield* logStream(log, 0, options).pipe(
          Stream.runForEachWhile(() =>
            Effect.delay(
              Effect.sync(() => ++taken < 20),
              "10 millis",
            ),
          ),
        )
        assert.isBelow(made, 100)
        const beats = yield* logStream({ ...log, follow: () => Stream.never }, 7, {
          ...options,
          beat: "5 millis",
        }).pipe(Stream.take(2), Stream.runCollect)
        assert.deepStrictEqual(beats, ["retry: 1000\n\n", ": at 7\nid: 7\n\n"])
      }).pipe(Effect.provide(door())),
  )
})
