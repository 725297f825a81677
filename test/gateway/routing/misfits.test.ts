import { assert, describe, it } from "vitest"
import type { Journey, Outcome } from "../../../src/gateway/routing/Route.ts"
import { backend, leaseOf, mappings, noneOf, ok, Place } from "./place.ts"

const misfit = { kind: "misfit", isUrgent: true, isOfProvider: false } as const
const noModel = { kind: "rate_limited", reason: "model", retryAfterMillis: null, isOfModel: true } as const
const models = { model_mappings: mappings("small", "large") }

/** Tries the next backend, which comes to this, and answers its name. */
const tried = (journey: Journey, outcome: Outcome): string => {
  const lease = leaseOf(journey.next())
  lease.settle(outcome)
  return lease.route.backend.name
}

describe("a request that a backend does not take", () => {
  it("the request is sent to each other that is free, waits for none, and says nothing of any", () => {
    const place = new Place([backend("a"), backend("b"), backend("c")])
    place.limit("c")
    place.observations.length = 0
    const journey = place.begin()
    assert.deepStrictEqual([tried(journey, misfit), tried(journey, misfit)], ["a", "b"])
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
    assert.isTrue(journey.isTried())
    assert.deepStrictEqual(place.observations, [])
    assert.strictEqual(place.letters(2), "ab")
  })

  it("the request is not sent to another key of a provider whose rules it offends", () => {
    const same = { api_base_url: "https://a.example.org/other" }
    const place = new Place([backend("a"), backend("b", same), backend("c", { pool: "fallback" })])
    const journey = place.begin()
    const offends = { ...misfit, isOfProvider: true }
    assert.deepStrictEqual([tried(journey, offends), tried(journey, offends)], ["a", "c"])
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
  })
})

describe("a model that the account lacks", () => {
  it("the model rests by itself, and other models of the backend go on", () => {
    const place = new Place([backend("a", models)])
    place.lease("small").settle(noModel)
    place.update({ a: { cooldowns: [place.cooldown({ model: "small", reason: "model" })] } })
    place.lease("large").settle(ok)
    assert.strictEqual(noneOf(place.begin("small").next()).kind, "exhausted")
    assert.deepInclude(place.observations.at(-1), { model: "small", reason: "model", isOfModel: true })
    assert.lengthOf(place.observations, 1)
    place.timers.pass(30_000)
    assert.strictEqual(place.lease("small").route.backend.name, "a")
  })

  it("the model is asked of another backend, and not waited for nor in the emergency lane", () => {
    const place = new Place([backend("a", models), backend("b", { ...models, pool: "fallback" })])
    const journey = place.begin()
    assert.deepStrictEqual([tried(journey, noModel), tried(journey, noModel)], ["a", "b"])
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
    assert.isTrue(journey.isTried())
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
  })

  it("the model is asked for again once an operator has changed the mappings", () => {
    const place = new Place([backend("a", models)])
    place.lease("small").settle(noModel)
    place.update({ a: { model_mappings: mappings("small") } })
    assert.strictEqual(place.letters(1), "a")
  })
})
