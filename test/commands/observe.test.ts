import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Backends } from "../../src/commands/Backends.ts"
import type { Observation } from "../../src/commands/Observation.ts"
import { Gateway } from "../../src/commands/Gateway.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { backendOf, failingLog, GatewayCommands, gateway, MemoryVault, register } from "./gateways.ts"
import { by, records, story } from "./services.ts"

const iso = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis))

/** A 429 just now. */
const limited = Effect.fnUntraced(function* (
  backend: string,
  over: Partial<Extract<Observation, { readonly kind: "rate_limited" }>> = {},
) {
  const at = yield* Clock.currentTimeMillis
  const observation: Observation = {
    kind: "rate_limited",
    backend,
    model: null,
    reason: "rate_limit",
    retryAfterMillis: null,
    sentAt: at,
    at,
    ...over,
  }
  yield* (yield* Backends).observe(observation)
})
const cooldownsOf = (id: string) => Effect.map(backendOf(id), ({ cooldowns }) => cooldowns)
const logEnd = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))

/** Waits until the fleet knows everything that the log has. */
const settled = (id: string) =>
  Effect.gen(function* () {
    yield* (yield* Fleet).caughtUp(
      id,
      (yield* records).findLast(({ subject }) => subject.id === id)?.seq ?? 0,
    )
  })

describe("what the gateway sees", () => {
  it.effect(
    "what the gateway sees is recorded by Crewlog itself: a limit, with the gateway's own base and caps",
    () =>
      Effect.gen(function* () {
        const id = yield* register()
        yield* limited(id, { retryAfterMillis: 1_500.2 })
        assert.deepStrictEqual(yield* cooldownsOf(id), [
          { model: null, reason: "rate_limit", strikes: 1, since: iso(0), until: iso(4_000) },
        ])
        const [, record] = yield* records
        assert.deepInclude(record?.record, { actor: "crewlog", correlation: `gateway:${id}` })
        assert.deepInclude(record?.record.events[0], { _tag: "RateLimitObserved", retry_after_ms: 1_501 })

        yield* (yield* Gateway).setOption("cooldown_max_seconds", 5, by())
        yield* (yield* Fleet).caughtUp("gateway", 3)
        yield* TestClock.adjust("4 seconds")
        yield* limited(id, { retryAfterMillis: Infinity })
        assert.deepInclude((yield* cooldownsOf(id))[0], { strikes: 2, until: iso(9_000) })
      }).pipe(Effect.provide(gateway({ CREWLOG_COOLDOWN_BASE: "4 seconds" }))),
  )

  it.effect("a quota rests for as long as quotas do", () =>
    Effect.gen(function* () {
      const id = yield* register()
      yield* limited(id, { reason: "quota" })
      assert.deepInclude((yield* cooldownsOf(id))[0], { reason: "quota", until: iso(3_600_000) })
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("fifty at once make one record", () =>
    Effect.gen(function* () {
      const id = yield* register()
      yield* Effect.forEach(Array.from({ length: 50 }), () => limited(id), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* story, [
        "backend: BackendRegistered",
        "backend: RateLimitObserved, CooldownStarted",
      ])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("a success clears what it proves wrong, and is no record otherwise", () =>
    Effect.gen(function* () {
      const { observe } = yield* Backends
      const id = yield* register()
      const succeed = Effect.flatMap(Clock.currentTimeMillis, (sentAt) =>
        observe({ kind: "succeeded", backend: id, model: "opus", sentAt }),
      )
      yield* succeed
      assert.strictEqual(yield* logEnd, 1)
      yield* limited(id)
      yield* settled(id)
      yield* TestClock.adjust("31 seconds")
      yield* succeed
      assert.deepStrictEqual(yield* cooldownsOf(id), [])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("a key that is refused, unless it is the one before", () =>
    Effect.gen(function* () {
      const { observe } = yield* Backends
      const id = yield* register()
      const { key_version } = yield* backendOf(id)
      const fault = { kind: "key_fault", backend: id, fault: "forbidden", at: 5_000 } as const
      yield* observe({ ...fault, keyVersion: "0ld" })
      assert.deepInclude(yield* backendOf(id), { fault: null })
      yield* observe({ ...fault, keyVersion: key_version })
      assert.deepInclude(yield* backendOf(id), { fault: { reason: "forbidden", since: iso(5_000) } })
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("health, when it changes; the reason is made fit", () =>
    Effect.gen(function* () {
      const { reportHealth } = yield* Backends
      const id = yield* register()
      yield* reportHealth(id, { health: "healthy", reason: "" })
      yield* reportHealth(id, { health: "down", reason: `\0${"x".repeat(600)}\ud800` })
      yield* settled(id)
      yield* reportHealth(id, { health: "down", reason: "still" })
      assert.deepStrictEqual(yield* story, ["backend: BackendRegistered", "backend: HealthChanged"])
      const [, { record }] = (yield* records) as unknown as [
        unknown,
        { record: { events: [{ reason: string }] } },
      ]
      assert.strictEqual(record.events[0].reason, "x".repeat(499))
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("an emergency, opened and closed once", () =>
    Effect.gen(function* () {
      const { observe } = yield* Backends
      for (const isOpen of [false, true, true, false, false]) {
        yield* observe({ kind: "emergency", isOpen, model: "opus" })
      }
      assert.deepStrictEqual(yield* story, ["gateway: EmergencyOpened", "gateway: EmergencyClosed"])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect(
    "what the gateway sees is let go when its backend is gone, or when it is no observation at all",
    () =>
      Effect.gen(function* () {
        const { observe, reportHealth } = yield* Backends
        const id = yield* register()
        yield* (yield* Backends).remove(id, by())
        const end = yield* logEnd
        yield* limited(id)
        yield* limited("bkd_ffffffffffff")
        yield* limited(id, { at: Number.NaN })
        yield* reportHealth(id, { health: "down", reason: "" })
        yield* observe({ kind: "succeeded", backend: id, model: "", sentAt: 0 })
        assert.strictEqual(yield* logEnd, end)
      }).pipe(Effect.provide(gateway())),
  )
})

describe("while the log is away", () => {
  const place = () => {
    const { layer, state } = failingLog()
    return {
      state,
      layer: GatewayCommands().pipe(Layer.provideMerge(MemoryVault), Layer.provideMerge(layer)),
    }
  }

  it.effect("a limit is told until the log is back", () => {
    const { layer, state } = place()
    return Effect.gen(function* () {
      const id = yield* register()
      state.isAway = true
      const telling = yield* Effect.forkChild(limited(id))
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(telling.pollUnsafe())
      state.isAway = false
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(telling)
      // As of when it was seen.
      assert.deepInclude((yield* cooldownsOf(id))[0], { since: iso(0), until: iso(30_000) })
    }).pipe(Effect.provide(layer))
  })

  it.effect("it is told so often and no more, and nobody is harmed", () => {
    const { layer, state } = place()
    return Effect.gen(function* () {
      const id = yield* register()
      state.isAway = true
      state.tries = 0
      const telling = yield* Effect.forkChild(limited(id))
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(telling)
      assert.strictEqual(state.tries, 6)
      state.isAway = false
      yield* limited(id, { sentAt: 300_000, at: 300_000 })
      assert.deepInclude((yield* cooldownsOf(id))[0], { strikes: 1 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("an emergency that is over is not opened afterwards", () => {
    const { layer, state } = place()
    return Effect.gen(function* () {
      const { observe } = yield* Backends
      state.isAway = true
      const opening = yield* Effect.forkChild(observe({ kind: "emergency", isOpen: true, model: "opus" }))
      yield* TestClock.adjust("1 second")
      state.isAway = false
      const closing = yield* Effect.forkChild(observe({ kind: "emergency", isOpen: false, model: "opus" }))
      yield* TestClock.adjust("20 seconds")
      yield* Effect.all([Fiber.join(opening), Fiber.join(closing)])
      assert.deepStrictEqual(yield* story, ["gateway: EmergencyOpened", "gateway: EmergencyClosed"])
    }).pipe(Effect.provide(layer))
  })
})
