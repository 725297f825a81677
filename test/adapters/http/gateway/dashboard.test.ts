import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { GatewayServer } from "../../../../src/adapters/http/gateway/GatewayServer.ts"
import { Members } from "../../../../src/commands/Members.ts"
import { envelope } from "../../../support/commands.ts"
import { ADMIN_TOKEN } from "../door.ts"
import { admin, ask, gateway, join, newBackend } from "./gatewayDoor.ts"

interface Snapshot {
  readonly at: string
  readonly backends: ReadonlyArray<{ readonly id: string; readonly status: string }>
  readonly [field: string]: unknown
}

/** A reader of the stream: its snapshots one by one, until it ends. */
class Watcher {
  readonly status: number
  readonly #ending = new AbortController()
  readonly #chunks: AsyncIterator<string>
  #text = ""

  constructor(response: Response, ending: AbortController) {
    this.status = response.status
    this.#ending = ending
    const body = response.body ?? new ReadableStream<Uint8Array<ArrayBuffer>>()
    this.#chunks = body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  }

  /** Undefined when the stream has ended. */
  async next(): Promise<Snapshot | undefined> {
    for (;;) {
      const event = /event: snapshot\ndata: (.*)\n\n/.exec(this.#text)
      if (event !== null) {
        this.#text = this.#text.slice(event.index + event[0].length)
        return JSON.parse(event[1] ?? "") as Snapshot
      }
      const { done, value } = await this.#chunks.next()
      if (done === true) return undefined
      this.#text += value
    }
  }

  leave(): void {
    this.#ending.abort()
  }
}

const watch = (token = ADMIN_TOKEN) =>
  Effect.flatMap(GatewayServer, ({ url }) =>
    Effect.promise(async () => {
      const ending = new AbortController()
      const headers = { authorization: `Bearer ${token}` }
      return new Watcher(await fetch(`${url}/dashboard/sse`, { headers, signal: ending.signal }), ending)
    }),
  )

const next = (watcher: Watcher) => Effect.promise(() => watcher.next())

/** Reads on until it is so; fails when the stream ends before. */
const until = (watcher: Watcher, isIt: (snapshot: Snapshot) => boolean): Effect.Effect<Snapshot> =>
  Effect.flatMap(next(watcher), (snapshot) => {
    if (snapshot === undefined) return Effect.die(new Error("the stream has ended"))
    return isIt(snapshot) ? Effect.succeed(snapshot) : until(watcher, isIt)
  })

const watchers = Effect.map(ask("GET", "/metrics"), ({ body }) =>
  Number(/^sidecar_dashboard_watchers (\d+)$/m.exec(body)?.[1]),
)

const fast = { CREWLOG_SSE_INTERVAL: "20 millis" }

describe("the dashboard's stream", () => {
  it.live("the dashboard's stream shows the gateway as it is, again and again", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend({ model_mappings: { small: {} }, rpm_limit: 12 })
      const watcher = yield* watch()
      const first = yield* until(watcher, () => true)
      const { at, backends, pools, ...rest } = first
      assert.match(at, /^\d{4}-.*Z$/)
      assert.deepStrictEqual(rest, {
        emergency: false,
        in_flight: 2,
        queue_depth: 3,
        last_minute: { requests: 0, errors: 0, tokens: 0, cost_usd: 0 },
      })
      assert.deepStrictEqual(backends as ReadonlyArray<unknown>, [
        {
          id,
          name: "one",
          label: "",
          pool: "primary",
          status: "healthy",
          health: "healthy",
          cooldown_until: null,
          rpm_limit: 12,
          rpm_left: 0,
          in_flight: 0,
          probe_ms: null,
          failures_in_a_row: 0,
          success_rate: null,
          models: ["small"],
        },
      ])
      assert.deepStrictEqual(pools, (yield* admin("GET", "/pools")).body)
      yield* admin("POST", `/backends/${id}/disable`)
      const later = yield* until(watcher, (snapshot) => snapshot.backends[0]?.status === "disabled")
      assert.isTrue(later.at > at)
      watcher.leave()
    }).pipe(Effect.provide(gateway(fast))),
  )

  it.live("the dashboard's stream comes as often as the options say", () =>
    Effect.gen(function* () {
      const watcher = yield* watch()
      const [one, two, three] = [yield* next(watcher), yield* next(watcher), yield* next(watcher)]
      const millis = (from?: Snapshot, to?: Snapshot) => Date.parse(to?.at ?? "") - Date.parse(from?.at ?? "")
      assert.isAtLeast(millis(one, two), 190)
      assert.isAtLeast(millis(two, three), 190)
      assert.isBelow(millis(one, three), 5_000)
      watcher.leave()
    }).pipe(Effect.provide(gateway({ CREWLOG_SSE_INTERVAL: "200 millis" }))),
  )

  it.live("the dashboard's stream stops when its reader goes", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* watch(), yield* watch()]
      yield* next(one)
      yield* next(other)
      assert.strictEqual(yield* watchers, 2)
      one.leave()
      yield* Effect.repeat(watchers, { until: (count) => count === 1 })
      assert.isDefined(yield* next(other))
      other.leave()
      yield* Effect.repeat(watchers, { until: (count) => count === 0 })
    }).pipe(Effect.provide(gateway(fast))),
  )

  it.live("the dashboard's stream takes only so many readers, and another when one has gone", () =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(Array.from({ length: 50 }), () => watch(), { concurrency: 10 })
      yield* Effect.forEach(all, next, { concurrency: "unbounded" })
      const refused = yield* ask("GET", "/dashboard/sse", { token: ADMIN_TOKEN })
      assert.deepStrictEqual([refused.status, refused.body.code], [503, "too_many_watchers"])
      assert.strictEqual(refused.headers.get("retry-after"), "5")
      all[0]?.leave()
      yield* Effect.repeat(watchers, { until: (count) => count === 49 })
      const another = yield* watch()
      assert.strictEqual(another.status, 200)
      for (const one of [another, ...all]) one.leave()
    }).pipe(Effect.provide(gateway({ CREWLOG_SSE_INTERVAL: "5 seconds" }))),
  )

  it.live("the dashboard's stream ends for who is no admin any more", () =>
    Effect.gen(function* () {
      const members = yield* Members
      const watcher = yield* watch(yield* join("boss", "admin"))
      assert.isDefined(yield* next(watcher))
      yield* members.change("boss", { role: "member" }, envelope("demote"))
      while ((yield* next(watcher)) !== undefined) continue
      assert.strictEqual(yield* watchers, 0)
    }).pipe(Effect.provide(gateway(fast))),
  )

  it.live("the dashboard's stream ends when the program stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        gateway({ ...fast, CREWLOG_DRAIN_TIMEOUT: "60 seconds" }),
        scope,
      )
      const watcher = yield* Effect.provideContext(watch(), context)
      assert.isDefined(yield* next(watcher))
      yield* Scope.close(scope, Exit.void)
      while ((yield* next(watcher)) !== undefined) continue
    }),
  )
})
