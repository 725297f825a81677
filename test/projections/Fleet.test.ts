import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Allowance } from "../../src/domain/Allowance.ts"
import type { BackendCommand } from "../../src/domain/Backend.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { Gateway, gatewayDefaults, type GatewayEvent } from "../../src/domain/Gateway.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { settingsWith } from "../adapters/http/door.ts"
import { limited, registration, UsualBackend } from "../domain/backends.ts"
import { uuids } from "../domain/histories.ts"
import { envelope, FreshDispatcher } from "../support/commands.ts"
import { logOn } from "../support/log.ts"
import { freshNats } from "../support/servers.ts"
import { CrewLog } from "./CrewLog.ts"

const surroundings = (env: Record<string, string> = {}) => Layer.mergeAll(settingsWith(env), DigestLayer)
/** A fleet on a log, as it is built at a start. */
const fleetOn = (log: EventLog["Service"], env: Record<string, string> = {}) =>
  Effect.map(
    Layer.build(
      Layer.fresh(Fleet.layer).pipe(Layer.provide([surroundings(env), Layer.succeed(EventLog, log)])),
    ),
    (built) => Context.get(built, Fleet),
  )

let commands = 0
/** A command on the log; its position. */
const give = Effect.fnUntraced(function* (command: BackendCommand, id: string = registration.id) {
  commands += 1
  const dispatcher = yield* Effect.provide(Dispatcher, FreshDispatcher)
  return (yield* dispatcher.dispatch(UsualBackend, id, command, envelope(`:fleet-${commands}`))).seq
})
const register = (over: Partial<typeof registration> = {}) =>
  give({ _tag: "RegisterBackend", ...registration, ...over }, over.id)

/** Two nodes on one nats-server. */
const nodes = Effect.gen(function* () {
  const access = yield* freshNats
  const [here, there] = yield* Effect.all([Layer.build(logOn(access)), Layer.build(logOn(access))])
  return { here: Context.get(here, EventLog), there: Context.get(there, EventLog) }
})

const live = <E>(title: string, body: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(body))

describe("the fleet", () => {
  live(
    "hears on every node of a cooldown that one of them recorded, soon",
    Effect.gen(function* () {
      const { here, there } = yield* nodes
      const other = yield* fleetOn(there)
      yield* Effect.gen(function* () {
        yield* other.caughtUp(registration.id, yield* register())
        const waits: Array<number> = []
        for (let turn = 0; turn < 11; turn++) {
          const seq = yield* give(limited(turn * 1_000))
          const from = performance.now()
          yield* other.caughtUp(registration.id, seq)
          waits.push(performance.now() - from)
          const { cooldowns } = other.backends().get(registration.id)!
          assert.deepInclude(cooldowns[0], { strikes: turn + 1 })
          assert.strictEqual(other.versionOf(registration.id), seq)
        }
        const [typical = Infinity] = waits.toSorted((one, other) => one - other).slice(5)
        assert.isBelow(typical, 100)
      }).pipe(Effect.provide([Layer.succeed(EventLog, here), DigestLayer]))
    }),
  )

  live(
    "is after a restart as it was before",
    Effect.gen(function* () {
      const { here, there } = yield* nodes
      const fleet = yield* fleetOn(here)
      yield* Effect.gen(function* () {
        const gone = "bkd_00000000dead"
        yield* register()
        yield* register({ id: gone as typeof registration.id })
        const dispatcher = yield* Effect.provide(Dispatcher, FreshDispatcher)
        const set = {
          _tag: "SetAllowance",
          slug: "bob",
          requests_per_minute: 5,
          tokens_per_day: null,
        } as const
        const [bob = "", eve = ""] = uuids
        yield* dispatcher.dispatch(Allowance, bob, { ...set, usd_per_day: 1 }, envelope(":fleet-bob"))
        yield* dispatcher.dispatch(Allowance, eve, { ...set, usd_per_day: 2 }, envelope(":fleet-eve"))
        const { seq: removed } = yield* dispatcher.dispatch(
          Allowance,
          eve,
          { _tag: "RemoveAllowance" },
          envelope(":fleet-none"),
        )
        const option = { _tag: "SetOption", key: "queue_depth", value: 7 } as const
        yield* dispatcher.dispatch(Gateway, "gateway", option, envelope(":fleet-depth"))
        const open = { _tag: "OpenEmergency", model: "opus" } as const
        const { seq: opened } = yield* dispatcher.dispatch(Gateway, "gateway", open, envelope(":fleet-open"))
        const limitedAt = yield* give(limited(0))
        const removedAt = yield* give({ _tag: "RemoveBackend" }, gone)

        yield* fleet.caughtUp(eve, removed)
        yield* fleet.caughtUp("gateway", opened)
        yield* fleet.caughtUp(registration.id, limitedAt)
        yield* fleet.caughtUp(gone, removedAt)
        for (const one of [fleet, yield* fleetOn(there)]) {
          assert.deepStrictEqual([...one.backends().keys()], [registration.id])
          assert.deepInclude(one.backends().get(registration.id)?.cooldowns[0], { strikes: 1 })
          assert.deepStrictEqual(
            [registration.id, gone].map((id) => one.versionOf(id)),
            [limitedAt, removedAt],
          )
          assert.deepInclude(one.allowanceOf(bob), { slug: "bob", requests_per_minute: 5 })
          assert.isUndefined(one.allowanceOf(eve))
          assert.deepStrictEqual(one.stored(), { queue_depth: 7 })
          assert.isTrue(one.isEmergency())
        }
      }).pipe(Effect.provide([Layer.succeed(EventLog, here), DigestLayer]))
    }),
  )

  it.effect("the fleet tells its listeners of every change, whatever one of them does", () =>
    Effect.gen(function* () {
      const fleet = yield* fleetOn(yield* EventLog)
      const heard: Array<number> = []
      const strikes = () => fleet.backends().get(registration.id)?.cooldowns[0]?.strikes ?? 0
      fleet.onChange(() => {
        throw new Error("a listener with a fault")
      })
      const stop = fleet.onChange(() => heard.push(strikes()))
      yield* register()
      yield* fleet.caughtUp(registration.id, yield* give(limited(0)))
      assert.deepStrictEqual(heard, [0, 1])
      stop()
      yield* fleet.caughtUp(registration.id, yield* give(limited(100)))
      assert.deepStrictEqual([heard.length, strikes()], [2, 2])
    }).pipe(Effect.provide([MemoryLog, DigestLayer]), Effect.scoped),
  )

  it.effect("the fleet goes by the environment, then by what is set, then by the defaults", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const fleet = yield* fleetOn(log, { CREWLOG_COOLDOWN_BASE: "2 seconds" })
      assert.deepStrictEqual(fleet.options(), { ...gatewayDefaults, cooldown_base_seconds: 2 })
      const dispatcher = yield* Effect.provide(Dispatcher, FreshDispatcher)
      for (const [key, value] of [
        ["cooldown_base_seconds", 9],
        ["member_usd_per_day", 4],
      ] as const) {
        const set = { _tag: "SetOption", key, value } as const
        const { seq } = yield* dispatcher.dispatch(Gateway, "gateway", set, envelope(`:fleet-${key}`))
        yield* fleet.caughtUp("gateway", seq)
      }
      assert.deepStrictEqual(fleet.stored(), { cooldown_base_seconds: 9, member_usd_per_day: 4 })
      assert.deepStrictEqual(fleet.options(), {
        ...gatewayDefaults,
        cooldown_base_seconds: 2,
        member_usd_per_day: 4,
      })
      const remove = { _tag: "RemoveOption", key: "member_usd_per_day" } as const
      const { seq } = yield* dispatcher.dispatch(Gateway, "gateway", remove, envelope(":fleet-remove"))
      yield* fleet.caughtUp("gateway", seq)
      assert.deepStrictEqual(fleet.options(), { ...gatewayDefaults, cooldown_base_seconds: 2 })
    }).pipe(Effect.provide([MemoryLog, DigestLayer]), Effect.scoped),
  )

  it.effect("the fleet ignores stored options that this program does not know, or would not take", () =>
    Effect.gen(function* () {
      const log = new CrewLog()
      const set = (key: string, value: number | string | null): GatewayEvent => ({
        _tag: "OptionSet",
        v: 1,
        key,
        value,
      })
      log.record(Gateway, "gateway", [
        set("an_option_of_tomorrow", 1),
        set("constructor", 1),
        set("queue_depth", -5),
        set("queue_seconds", 5),
      ])
      const fleet = yield* fleetOn({
        ...log.service,
        newest: (type) => Effect.succeed(type === "gateway" ? log.records : []),
      })
      assert.deepStrictEqual(fleet.stored(), { queue_seconds: 5 })
      assert.deepStrictEqual(fleet.options(), { ...gatewayDefaults, queue_seconds: 5 })
    }).pipe(Effect.scoped),
  )

  it.effect("the fleet lets who waits for a record wait no longer than that", () =>
    Effect.gen(function* () {
      const fleet = yield* fleetOn(yield* EventLog)
      const waiting = yield* Effect.forkChild(fleet.caughtUp(registration.id, 1))
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* register()
      yield* fleet.caughtUp(registration.id, 1)
      yield* Effect.yieldNow
      assert.isDefined(waiting.pollUnsafe())
    }).pipe(Effect.provide([MemoryLog, DigestLayer]), Effect.scoped),
  )
})
