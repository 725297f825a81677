import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Callers } from "../../../../src/adapters/llm/metering/Callers.ts"
import type { Caller } from "../../../../src/gateway/metering/Caller.ts"
import { GatewayNodes } from "../../../../src/gateway/routing/GatewayNodes.ts"
import { Spending } from "../../../../src/gateway/metering/Spending.ts"
import { UsageSink } from "../../../../src/gateway/metering/UsageSink.ts"
import { Heartbeats } from "../../../../src/commands/Heartbeats.ts"
import { Members } from "../../../../src/commands/Members.ts"
import type { SetAllowance } from "../../../../src/projections/Fleet.ts"
import { Roster } from "../../../../src/projections/Roster.ts"
import { UsageLog } from "../../../../src/projections/UsageLog.ts"
import { by, services } from "../../../commands/services.ts"
import { eventually, usageOf } from "../../../support/usage.ts"
import { type Fleeting, fleetOf } from "./metering.ts"

const SHARED = "a-token-that-many-share"

interface Played {
  readonly fleet: Fleeting & { readonly allowances: Map<string, SetAllowance> }
  readonly seen: Array<string>
  nodes: number
}

/** Callers of a gateway whose crew is on a log in memory; `played` is in the test's hands. */
const gateway = (newest: UsageLog["Service"]["newest"] = Effect.undefined) => {
  const played: Played = { fleet: { options: {}, allowances: new Map() }, seen: [], nodes: 1 }
  const NoUsage = Layer.mergeAll(
    Layer.succeed(UsageLog, {
      follow: () => Stream.never,
      since: () => Stream.never,
      newest,
      head: Effect.succeed({ epoch: "", first: 0, last: 0 }),
    }),
    Layer.succeed(UsageSink, { node: "here", add: () => Effect.void }),
  )
  const layer = Callers.layer.pipe(
    Layer.provideMerge(Spending.layer),
    Layer.provideMerge([
      NoUsage,
      fleetOf(played.fleet),
      Layer.succeed(GatewayNodes, {
        count: () => played.nodes,
        isFirst: () => true,
        onChange: () => () => {},
        settled: Effect.void,
      }),
      Layer.succeed(Heartbeats, {
        seen: ({ slug }) => Effect.sync(() => void played.seen.push(slug)),
        beat: () => Effect.void,
        gone: () => Effect.void,
      }),
      services({ CREWLOG_GATEWAY_TOKEN: SHARED }),
    ]),
    Layer.fresh,
  )
  return { layer, played }
}

const enrolled = (slug: string) =>
  Effect.gen(function* () {
    const { outcome, token } = yield* (yield* Members).register({ name: slug, slug, type: "agent" }, by())
    const roster = yield* Roster
    yield* roster.caughtUp(outcome.state._tag === "Known" ? outcome.state.id : "", outcome.seq)
    return token
  })

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const admitted = (headers: Record<string, string>) =>
  Effect.map(Callers, ({ admit }): Caller => {
    const answer = admit(headers)
    if (answer.kind !== "caller") throw new Error(`refused: ${answer.kind}`)
    return answer
  })

const refused = (headers: Record<string, string>) => Effect.map(Callers, ({ admit }) => admit(headers).kind)

describe("a caller", () => {
  it.effect("a caller is the member whose token it sends, as OpenAI's clients or as Anthropic's", () => {
    const { layer } = gateway()
    return Effect.gen(function* () {
      const token = yield* enrolled("ada")
      for (const headers of [
        bearer(token),
        { authorization: `bearer  ${token} ` },
        { "x-api-key": token },
        { authorization: "Basic eDp5", "x-api-key": token },
        { authorization: "Bearer sk-ant-somebody-elses", "x-api-key": token },
        { ...bearer(token), "x-api-key": "sk-ant-somebody-elses" },
      ]) {
        const caller = yield* admitted(headers)
        assert.strictEqual(caller.member?.slug, "ada")
        assert.deepInclude(caller, { project: null, task: null })
      }
      const caller = yield* admitted({
        ...bearer(token),
        "crewlog-project": "alpha",
        "crewlog-task": "TE-12",
      })
      assert.deepInclude(caller, { project: "alpha", task: "TE-12" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("a caller may be nobody in particular, with the shared token", () => {
    const { layer } = gateway()
    return Effect.gen(function* () {
      assert.isUndefined((yield* admitted(bearer(SHARED))).member)
      assert.strictEqual(yield* refused(bearer(`${SHARED}!`)), "unknown_token")
    }).pipe(Effect.provide(layer))
  })

  it.effect("a caller is refused without a good token, and with headers that say nothing", () => {
    const { layer } = gateway()
    return Effect.gen(function* () {
      const token = yield* enrolled("ada")
      assert.strictEqual(yield* refused({}), "no_token")
      assert.strictEqual(yield* refused({ authorization: token }), "no_token")
      assert.strictEqual(yield* refused(bearer("x".repeat(513))), "no_token")
      assert.strictEqual(yield* refused({ "x-api-key": "a b" }), "no_token")
      assert.strictEqual(yield* refused(bearer("tb-nobody")), "unknown_token")
      for (const header of [
        { "crewlog-task": "a b" },
        { "crewlog-task": "" },
        { "crewlog-project": "Alpha!" },
      ]) {
        assert.strictEqual(yield* refused({ ...bearer(token), ...header }), "bad_header")
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("a caller is refused at once when its token was revoked, or it was disabled", () => {
    const { layer } = gateway()
    return Effect.gen(function* () {
      const members = yield* Members
      const roster = yield* Roster
      const token = yield* enrolled("ada")
      const { member } = yield* admitted(bearer(token))
      const rotated = yield* members.rotate("ada", by())
      yield* roster.caughtUp(member?.id ?? "", rotated.outcome.seq)
      assert.strictEqual(yield* refused(bearer(token)), "unknown_token")
      yield* admitted(bearer(rotated.token))
      const { seq } = yield* members.change("ada", { is_enabled: false }, by())
      yield* roster.caughtUp(member?.id ?? "", seq)
      assert.strictEqual(yield* refused(bearer(rotated.token)), "member_disabled")
    }).pipe(Effect.provide(layer))
  })

  it.effect("a caller gives a sign of life, once in ten seconds", () => {
    const { layer, played } = gateway()
    return Effect.gen(function* () {
      const token = yield* enrolled("ada")
      for (let calls = 0; calls < 5; calls++) yield* admitted(bearer(token))
      yield* TestClock.adjust("9 seconds")
      yield* admitted(bearer(token))
      yield* TestClock.adjust("1 second")
      yield* admitted(bearer(token))
      yield* admitted(bearer(SHARED))
      yield* eventually(Effect.succeed(played.seen), (seen) => seen.length >= 2)
      assert.deepStrictEqual(played.seen, ["ada", "ada"])
    }).pipe(Effect.provide(layer))
  })
})

const unlimited: SetAllowance = {
  _tag: "Known",
  slug: "ada",
  is_set: true,
  requests_per_minute: null,
  tokens_per_day: null,
  usd_per_day: null,
}

describe("what a caller may ask", () => {
  const allowed = (caller: Caller) => Effect.map(Callers, ({ allow }) => allow(caller))

  const spend = (total_tokens: number, cost_usd: number) =>
    Effect.gen(function* () {
      const at = DateTime.formatIso(yield* DateTime.now)
      const { count } = yield* Spending
      count(usageOf({ at, member: "ada", total_tokens, cost_usd }))
    })

  it.effect("what a caller may ask is so many requests a minute, shared out among the nodes", () => {
    const { layer, played } = gateway()
    return Effect.gen(function* () {
      const caller = yield* admitted(bearer(yield* enrolled("ada")))
      played.fleet.options = { member_requests_per_minute: 6 }
      for (let calls = 0; calls < 6; calls++) assert.isUndefined(yield* allowed(caller))
      assert.deepStrictEqual(yield* allowed(caller), {
        kind: "over_limit",
        limit: "requests_per_minute",
        allowed: 6,
        retryAfterSeconds: 10,
      })
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(yield* allowed(caller))
      played.nodes = 3
      assert.deepInclude(yield* allowed(caller), { retryAfterSeconds: 30 })
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* allowed(caller), { retryAfterSeconds: 20 })
      yield* TestClock.adjust("60 seconds")
      assert.isUndefined(yield* allowed(caller))
      assert.isUndefined(yield* allowed(caller))
      assert.isDefined(yield* allowed(caller))
      // Its own allowance stands before what holds for all.
      played.fleet.allowances.set(caller.member?.id ?? "", unlimited)
      for (let calls = 0; calls < 100; calls++) assert.isUndefined(yield* allowed(caller))
    }).pipe(Effect.provide(layer))
  })

  it.effect("what a caller may ask is so much a day: refused before the call, until the day is over", () => {
    const { layer, played } = gateway()
    return Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 2, 1, 23, 0, 0))
      const caller = yield* admitted(bearer(yield* enrolled("ada")))
      const limited = (limits: Partial<SetAllowance>) =>
        Effect.sync(() => {
          played.fleet.allowances.set(caller.member?.id ?? "", { ...unlimited, ...limits })
        })
      yield* eventually(
        Effect.map(Spending, ({ isReady }) => isReady()),
        (is) => is,
      )
      yield* limited({ tokens_per_day: 1_000 })
      yield* spend(999, 0.3)
      assert.isUndefined(yield* allowed(caller))
      yield* spend(1, 0.3)
      assert.deepStrictEqual(yield* allowed(caller), {
        kind: "over_limit",
        limit: "tokens_per_day",
        allowed: 1_000,
        retryAfterSeconds: 3_600,
      })
      yield* limited({ usd_per_day: 0.61 })
      assert.isUndefined(yield* allowed(caller))
      yield* spend(0, 0.01)
      assert.deepInclude(yield* allowed(caller), { limit: "usd_per_day", allowed: 0.61 })
      assert.isUndefined(yield* allowed({ ...caller, member: undefined }))
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(yield* allowed(caller))
    }).pipe(Effect.provide(layer))
  })

  it.effect("what a caller may ask is nothing that a budget is for, until it is known what was spent", () => {
    const { layer, played } = gateway(Effect.never)
    return Effect.gen(function* () {
      const caller = yield* admitted(bearer(yield* enrolled("ada")))
      assert.isUndefined(yield* allowed(caller))
      played.fleet.options = { member_tokens_per_day: 1_000 }
      assert.deepStrictEqual(yield* allowed(caller), { kind: "not_ready", retryAfterSeconds: 1 })
      played.fleet.options = { member_requests_per_minute: 0 }
      assert.deepInclude(yield* allowed(caller), { kind: "over_limit", retryAfterSeconds: 60 })
    }).pipe(Effect.provide(layer))
  })
})
