import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Backend, BackendCommand, BackendEvent, Backoff } from "../../src/domain/Backend.ts"
import { fold } from "../../src/domain/Aggregate.ts"
import {
  at,
  backoff,
  cooling,
  given,
  limited,
  observed,
  perModel,
  registered,
  succeeded,
} from "./backends.ts"
import { placed } from "./given.ts"
import { histories, run, withFacts } from "./histories.ts"

const { ChangeBackend, EndCooldown } = BackendCommand.cases
const { BackendChanged, BackendDisabled, BackendEnabled, CooldownEnded, KeyRotated, RateLimitCleared } =
  BackendEvent.cases

const informed = withFacts(Backend, BackendCommand, Backoff)

const mapping = {
  native_id: "opus-1",
  reasoning: false,
  reasoning_effort: null,
  input_modalities: ["text"],
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  context_window: 1,
  max_tokens: 1,
  compat: {},
}
const rotation = { key_version: "c3", key_mask: "sk-abc****1234" }
const ended = CooldownEnded.make({ model: null })
const cleared = RateLimitCleared.make({ model: null })
const end = (seconds: number, model: string | null = null) => EndCooldown.make({ model, now: at(seconds) })

/** The whole story of a backend, from commands on; each must be accepted. */
const after = (...commands: ReadonlyArray<BackendCommand>) =>
  afterKnowing(...commands.map((command) => [command, backoff] as const))
/** The same with the backoff that each is decided on. */
const afterKnowing = (...commands: ReadonlyArray<readonly [BackendCommand, Backoff]>) => {
  let state = given(registered).state
  const stories = commands.map(([command, facts]) => {
    const events = Result.getOrThrow(Backend.decide(command, state, facts))
    state = fold(Backend, events, placed, state)
    return events
  })
  if (state._tag !== "Known") throw new Error("the backend is gone")
  return { stories, cooldowns: state.cooldowns }
}

describe("the cooldown of a backend", () => {
  it("the cooldown of a backend begins with the first 429, also without a Retry-After", () => {
    assert.deepStrictEqual(given(registered).when(limited(1, { answered: 2 })), [observed(1), cooling(2, 32)])
    const { cooldowns } = after(limited(1, { answered: 2 }))
    assert.deepStrictEqual(cooldowns, [
      { model: null, reason: "rate_limit", strikes: 1, since: at(2), until: at(32) },
    ])
  })

  it("doubles with every strike after its end, and stays at the cap", () => {
    let now = 0
    const steps: Array<number> = []
    let state = given(registered).state
    for (let strike = 0; strike < 40; strike++) {
      for (const command of [limited(now), end(now + 600)]) {
        const events = Result.getOrThrow(Backend.decide(command, state, backoff))
        for (const event of events) {
          if (event._tag === "CooldownStarted") {
            steps.push((Date.parse(event.until) - Date.parse(event.since)) / 1_000)
          }
        }
        state = fold(Backend, events, placed, state)
      }
      now += 601
    }
    assert.deepStrictEqual(steps, [30, 60, 120, 240, 480, ...Array.from({ length: 35 }, () => 600)])
  })

  it("the cooldown of a backend has the Retry-After as a floor, clamped to the cap", () => {
    const first = given(registered)
    const waits = (seconds: number) => first.when(limited(0, { retry_after_ms: seconds * 1_000 }))
    const until = (seconds: number, end: number) => [
      observed(1, { retry_after_ms: seconds * 1_000 }),
      cooling(0, end),
    ]
    assert.deepStrictEqual(waits(0), until(0, 30))
    assert.deepStrictEqual(waits(29), until(29, 30))
    assert.deepStrictEqual(waits(45), until(45, 45))
    assert.deepStrictEqual(waits(5_000), until(5_000, 600))
  })

  it("the cooldown of a backend is counted once for all that were under way when it began", () => {
    const wave = Array.from({ length: 50 }, (_, index) => limited(index / 100, { answered: 1 + index / 100 }))
    const { cooldowns, stories } = after(...wave)
    assert.deepStrictEqual(
      stories.map((events) => events.length),
      [2, ...Array.from({ length: 49 }, () => 0)],
    )
    assert.deepStrictEqual(cooldowns, [
      { model: null, reason: "rate_limit", strikes: 1, since: at(1), until: at(31) },
    ])
  })

  it("the cooldown of a backend is lengthened once, not fifty times, by as many that name the same wait", () => {
    const wave = Array.from({ length: 50 }, (_, index) =>
      limited(0, { answered: 1 + index / 100, retry_after_ms: 60_000 }),
    )
    const { cooldowns, stories } = after(limited(0.1), ...wave)
    assert.deepStrictEqual(
      stories.map((events) => events.length),
      [2, 1, ...Array.from({ length: 49 }, () => 0)],
    )
    assert.deepInclude(cooldowns[0], { strikes: 1, until: at(61) })
    const quick = { ...backoff, base_ms: 100 }
    const short = afterKnowing([limited(0), quick], [limited(0, { retry_after_ms: 800 }), backoff])
    assert.deepStrictEqual(short.stories[1], [cooling(0, 0.8)])
  })

  it("the cooldown of a backend is no news to who asked while it ran: another node had not heard of it, or the emergency lane tried", () => {
    const { cooldowns, stories } = after(
      limited(0),
      limited(10),
      limited(29.9, { answered: 31, retry_after_ms: 60_000 }),
    )
    assert.deepStrictEqual(
      stories.map((events) => events.length),
      [2, 0, 0],
    )
    assert.deepInclude(cooldowns[0], { strikes: 1, until: at(30) })
  })

  it("the cooldown of a backend is lengthened by a longer Retry-After, and never shortened", () => {
    const { stories } = after(
      limited(0, { retry_after_ms: 100_000 }),
      limited(0, { answered: 1, retry_after_ms: 5_000 }),
      limited(0, { answered: 2, retry_after_ms: 200_000 }),
    )
    assert.deepStrictEqual(stories.slice(1), [[], [cooling(0, 202)]])
    // A strike at a lower cap than the one before.
    const lower = { ...backoff, base_ms: 1_000, cap_ms: 2_000 }
    assert.deepStrictEqual(given(registered, observed(1), cooling(0, 500), ended).when(limited(40), lower), [
      observed(2),
      cooling(40, 42),
    ])
  })

  it("the cooldown of a backend does not begin anew for a request that was sent before it began, and was answered after its end", () => {
    const over = given(registered, observed(1), cooling(1, 31), ended)
    assert.deepStrictEqual(over.when(limited(0.5, { answered: 40, retry_after_ms: 90_000 })), [])
  })

  it("the cooldown of a backend ends once, when its time has come", () => {
    const running = given(registered, observed(1), cooling(0, 30))
    assert.deepStrictEqual(running.when(end(29.999)), [])
    assert.deepStrictEqual(running.when(end(30)), [ended])
    assert.deepStrictEqual(given(registered, observed(1), cooling(0, 30), ended).when(end(31)), [])
    assert.deepStrictEqual(given(registered).when(end(31)), [])
  })

  it("the cooldown of a backend leaves its strikes behind until a success that was sent after it began", () => {
    const over = given(registered, observed(3), cooling(0, 120), ended)
    assert.deepInclude(over.state, {
      cooldowns: [{ model: null, reason: "rate_limit", strikes: 3, since: at(0), until: null }],
    })
    assert.deepStrictEqual(over.when(succeeded(0)), [])
    assert.deepStrictEqual(over.when(succeeded(121)), [cleared])
    const afterwards = given(registered, observed(3), cooling(0, 120), ended, cleared)
    assert.deepInclude(afterwards.state, { cooldowns: [] })
    assert.deepStrictEqual(afterwards.when(succeeded(122)), [])
    assert.deepStrictEqual(afterwards.when(limited(130)), [observed(1), cooling(130, 160)])
  })

  it("the cooldown of a backend goes on after a success while it runs; the next strike is a first again", () => {
    const { cooldowns, stories } = after(limited(0), limited(30), succeeded(40), succeeded(41))
    assert.deepStrictEqual(stories.slice(2), [[cleared], []])
    assert.deepInclude(cooldowns[0], { strikes: 0, until: at(90) })
    const { cooldowns: gone } = after(limited(0), succeeded(10), end(30))
    assert.deepStrictEqual(gone, [])
    const { stories: again } = after(limited(0), succeeded(10), limited(31))
    assert.deepStrictEqual(again[2], [observed(1), cooling(31, 61)])
  })

  it("for a quota is over with any success that was sent after it began", () => {
    const quota = given(registered, observed(1), cooling(0, 3_600, { reason: "quota" }))
    assert.deepStrictEqual(quota.when(succeeded(0)), [])
    assert.deepStrictEqual(quota.when(succeeded(60)), [ended, cleared])
  })

  it("the cooldown of a backend is over with a success after its time, also when nobody has recorded the end yet", () => {
    const { cooldowns, stories } = after(limited(0), succeeded(30))
    assert.deepStrictEqual(stories[1], [ended, cleared])
    assert.deepStrictEqual(cooldowns, [])
  })

  it("the cooldown of a backend takes the cap at once for a quota, and does not grow", () => {
    const quota = { reason: "quota" } as const
    const { stories } = after(limited(0, quota), limited(0, { ...quota, answered: 5 }), limited(10, quota))
    assert.deepStrictEqual(stories, [
      [observed(1, { reason: "quota" }), cooling(0, 3_600, { reason: "quota" })],
      [],
      [],
    ])
    const { stories: later } = after(limited(0, quota), end(3_600), limited(3_601, quota))
    assert.deepStrictEqual(later[2], [
      observed(2, { reason: "quota" }),
      cooling(3_601, 7_201, { reason: "quota" }),
    ])
  })

  it("the cooldown of a backend stays one for a quota when a rate limit is met that would end sooner", () => {
    const quota = given(registered, observed(1), cooling(0, 3_600, { reason: "quota" }))
    assert.deepStrictEqual(quota.when(limited(10, { retry_after_ms: 60_000 })), [])
    const lengthened = limited(0, { reason: "quota", answered: 5 })
    assert.deepStrictEqual(given(registered, observed(1), cooling(1, 31)).when(lengthened), [
      cooling(1, 3_605, { reason: "quota" }),
    ])
  })

  it("for a quota is lifted by an operator's doing: another key, another place, or enabled again", () => {
    const cools = [observed(2), cooling(0, 3_600, { reason: "quota" })]
    const key = { key_version: "b2", key_mask: "**********" }
    const elsewhere = { api_base_url: "https://api.openai.com/v2" }
    const lifted = [ended, cleared]
    assert.deepStrictEqual(given(registered, ...cools).when(ChangeBackend.make({ key })), [
      KeyRotated.make(key),
      ...lifted,
    ])
    assert.deepStrictEqual(given(registered, ...cools).when(ChangeBackend.make(elsewhere)), [
      BackendChanged.make({ changes: elsewhere }),
      ...lifted,
    ])
    assert.deepStrictEqual(
      given(registered, ...cools, BackendDisabled.make({})).when(ChangeBackend.make({ is_enabled: true })),
      [BackendEnabled.make({}), ...lifted],
    )
    const both = ChangeBackend.make({ ...elsewhere, key })
    assert.deepStrictEqual(given(registered, ...cools).when(both), [
      BackendChanged.make({ changes: elsewhere }),
      KeyRotated.make(key),
      ...lifted,
    ])
    assert.deepStrictEqual(given(registered, ...cools).when(ChangeBackend.make({ rpm_limit: 7 })), [
      BackendChanged.make({ changes: { rpm_limit: 7 } }),
    ])
    // A rate limit is the provider's.
    assert.deepStrictEqual(given(registered, observed(1), cooling(0, 30)).when(ChangeBackend.make({ key })), [
      KeyRotated.make(key),
    ])
  })

  it("the cooldown of a backend is per model where the backend's limits are", () => {
    const opus = { model: "opus" }
    const cools = [observed(1, opus), cooling(0, 30, opus)]
    assert.deepStrictEqual(given(perModel).when(limited(0, opus)), cools)
    assert.deepStrictEqual(given(perModel, ...cools).when(limited(1, { model: "haiku" })), [
      observed(1, { model: "haiku" }),
      cooling(1, 31, { model: "haiku" }),
    ])
    assert.deepStrictEqual(given(perModel, ...cools).when(succeeded(40, "haiku")), [])
    assert.deepStrictEqual(given(perModel, ...cools).when(end(40)), [])
    assert.deepStrictEqual(given(perModel, ...cools).when(end(40, "opus")), [CooldownEnded.make(opus)])
    assert.deepStrictEqual(given(perModel, ...cools).when(succeeded(40, "opus")), [
      CooldownEnded.make(opus),
      RateLimitCleared.make(opus),
    ])
    // An account may be limited as a whole; any model's success says that it no longer is.
    assert.deepStrictEqual(given(perModel).when(limited(0)), [observed(1), cooling(0, 30)])
    assert.deepStrictEqual(given(perModel, observed(1), cooling(0, 30), ended).when(succeeded(40, "opus")), [
      cleared,
    ])
  })

  it("the cooldown of a backend is the backend's where limits are per backend, whatever model was asked for", () => {
    assert.deepStrictEqual(given(registered).when(limited(0, { model: "opus" })), [
      observed(1),
      cooling(0, 30),
    ])
    const opus = { model: "opus" }
    const narrowed = BackendChanged.make({ changes: { cooldown_scope: "backend" } })
    const left = given(perModel, observed(2, opus), cooling(0, 60, opus), CooldownEnded.make(opus), narrowed)
    assert.deepStrictEqual(left.when(succeeded(70)), [RateLimitCleared.make(opus)])
  })

  it("the cooldown of a model that the account lacks is the model's, whatever limits are per, until it is mended", () => {
    const opus = { model: "opus", reason: "model" } as const
    const cools = [observed(1, opus), cooling(0, 30, opus)]
    assert.deepStrictEqual(given(registered).when(limited(0, { ...opus, is_of_model: true })), cools)
    const lifted = [CooldownEnded.make({ model: "opus" }), RateLimitCleared.make({ model: "opus" })]
    assert.deepStrictEqual(given(registered, ...cools).when(succeeded(40, "haiku")), [])
    assert.deepStrictEqual(given(registered, ...cools).when(succeeded(40)), [])
    assert.deepStrictEqual(given(registered, ...cools).when(succeeded(20, "opus")), lifted)
    const model_mappings = { opus: mapping }
    assert.deepStrictEqual(given(registered, ...cools).when(ChangeBackend.make({ model_mappings })), [
      BackendChanged.make({ changes: { model_mappings } }),
      ...lifted,
    ])
    assert.deepStrictEqual(given(registered, ...cools).when(ChangeBackend.make({ key: rotation })), [
      KeyRotated.make(rotation),
      ...lifted,
    ])
  })

  it.prop(
    "the cooldown of a backend never ends sooner for a 429, and grows by one strike at most",
    [histories(informed.given)],
    ([commands]) => {
      for (const {
        after,
        before,
        command: { command },
      } of run(informed.aggregate, commands)) {
        if (command._tag !== "ObserveRateLimit" || before._tag !== "Known" || after._tag !== "Known") continue
        for (const { model, strikes, until } of before.cooldowns) {
          const now = after.cooldowns.find((one) => one.model === model)
          assert.isTrue((now?.until ?? "") >= (until ?? ""), JSON.stringify(command))
          assert.isTrue(now?.strikes === strikes || now?.strikes === strikes + 1)
        }
      }
    },
  )
})
