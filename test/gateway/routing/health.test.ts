import { assert, describe, it } from "vitest"
import type { ProbeResult } from "../../../src/gateway/routing/Vitals.ts"
import { backend, failed, idOf, leaseOf, MODEL, ok, Place, rateLimited } from "./place.ts"

const probe = (place: Place, kind: ProbeResult["kind"], more: Partial<ProbeResult> = {}) =>
  place.router.probed(idOf("a"), {
    kind,
    detail: "http_500",
    keyVersion: "0",
    sentAt: place.timers.now(),
    millis: 12,
    ...more,
  })

const serve = (place: Place, count: number, outcome: typeof ok | typeof failed = ok) => {
  for (let n = 0; n < count; n++) place.lease().settle(outcome)
}

const standing = (place: Place) => place.router.snapshot().backends.get(idOf("a"))

describe("health", () => {
  it("the health of a backend is down after five failures in a row, and healthy again after a success", () => {
    const place = new Place([backend("a")])
    serve(place, 20)
    serve(place, 4, failed)
    assert.deepStrictEqual(
      place.healths.filter(([, { health }]) => health === "down"),
      [],
    )
    serve(place, 1, failed)
    assert.deepStrictEqual(place.healths.at(-1), [
      "a",
      { health: "down", reason: "5 failures in a row: http_500" },
    ])
    place.update({ a: { health: "down" } })
    serve(place, 1)
    assert.strictEqual(place.healths.at(-1)?.[1].health, "degraded")
    place.update({ a: { health: "degraded" } })
    serve(place, 30)
    assert.strictEqual(place.healths.at(-1)?.[1].health, "healthy")
    assert.deepStrictEqual(standing(place)?.failuresInARow, 0)
  })

  it("the health of a backend is degraded while less than nine in ten of enough requests succeed, in the last five minutes", () => {
    const place = new Place([backend("a", { rpm_limit: 6_000 })])
    serve(place, 1, failed)
    serve(place, 8)
    assert.deepStrictEqual(place.healths, [])
    serve(place, 1, failed)
    assert.deepStrictEqual(place.healths, [
      ["a", { health: "degraded", reason: "2 of 10 requests failed in five minutes" }],
    ])
    place.update({ a: { health: "degraded" } })
    place.timers.pass(290_000)
    serve(place, 1)
    assert.strictEqual(standing(place)?.successRate, 9 / 11)
    place.timers.pass(10_000)
    serve(place, 1)
    assert.strictEqual(standing(place)?.successRate, 1)
    assert.strictEqual(place.healths.at(-1)?.[1].health, "healthy")
  })

  it("the health of a backend does not care about limits, callers' faults and callers who leave", () => {
    const place = new Place([backend("a")], { cooldown_base_seconds: 0.01, cooldown_max_seconds: 0.01 })
    for (let n = 0; n < 10; n++) {
      place.timers.pass(1_000)
      place.lease().settle(rateLimited())
      place.timers.pass(1_000)
      place.lease().settle({ kind: "caller" })
      place.lease().settle({ kind: "aborted" })
    }
    assert.deepStrictEqual(place.healths, [])
    assert.isNull(standing(place)?.successRate)
  })

  it("the health of a backend is down when the probe fails, unless requests succeed, and not when anybody answers it", () => {
    const place = new Place([backend("a")])
    assert.isNull(standing(place)?.probeMillis)
    probe(place, "answered")
    assert.strictEqual(standing(place)?.probeMillis, 12)
    place.timers.pass(60_000)
    serve(place, 1)
    place.timers.pass(1)
    probe(place, "failed")
    assert.deepStrictEqual(place.healths, [
      ["a", { health: "degraded", reason: "requests succeed, but the health probe fails: http_500" }],
    ])
    place.update({ a: { health: "degraded" } })
    place.timers.pass(60_000)
    probe(place, "failed")
    assert.deepStrictEqual(place.healths.at(-1), [
      "a",
      { health: "down", reason: "the health probe fails: http_500" },
    ])
    assert.strictEqual(standing(place)?.failuresInARow, 2)
    place.update({ a: { health: "down" } })
    place.timers.pass(60_000)
    probe(place, "ok")
    assert.strictEqual(place.healths.at(-1)?.[1].health, "healthy")
  })

  it("the health of a backend is said once, and again only after a while if the log does not show it", () => {
    const place = new Place([backend("a")])
    serve(place, 10, failed)
    assert.lengthOf(place.healths, 1)
    place.timers.pass(30_000)
    serve(place, 2, failed)
    assert.lengthOf(place.healths, 2)
    place.update({ a: { health: "down" } })
    serve(place, 2, failed)
    assert.lengthOf(place.healths, 2)
  })

  it("of one that answers the probe after it was down goes by its requests again", () => {
    const place = new Place([backend("a")])
    serve(place, 5, failed)
    place.update({ a: { health: "down" } })
    place.timers.pass(300_000)
    probe(place, "ok")
    assert.strictEqual(place.healths.at(-1)?.[1].health, "healthy")
    assert.strictEqual(standing(place)?.failuresInARow, 3)
  })
})

describe("a backend that failed three times in a row", () => {
  it("a backend that failed three times in a row is asked last for ten seconds, then one request finds out", () => {
    const place = new Place([backend("a"), backend("b", { pool: "fallback" })])
    serve(place, 3, failed)
    assert.strictEqual(place.letters(2), "bb")
    place.timers.pass(9_999)
    assert.strictEqual(place.letters(1), "b")
    place.timers.pass(1)
    const trial = place.lease()
    assert.strictEqual(trial.route.backend.name, "a")
    assert.strictEqual(place.letters(2), "bb")
    trial.settle(ok)
    assert.strictEqual(place.letters(2), "aa")
  })

  it("a backend that failed three times in a row is still asked when it is the only one, and in its turn when another node saw it answer", () => {
    const place = new Place([backend("a")])
    serve(place, 3, failed)
    assert.strictEqual(place.letters(2), "aa")
    place.become(["a", "b"].map((letter) => ({ backend: backend(letter, { health: "down" }), key: "key" })))
    place.update({ a: { health: "healthy" } })
    assert.strictEqual(place.letters(1), "a")
  })

  it("a backend that failed three times in a row starts anew with another key or at another place", () => {
    const place = new Place([backend("a"), backend("b", { pool: "fallback" })])
    serve(place, 3, failed)
    place.update({ a: { api_base_url: "https://elsewhere.example.org" } })
    assert.strictEqual(place.letters(2), "aa")
  })
})

describe("a key that the provider does not take", () => {
  const fault = (since: string, reason: "unauthorized" | "forbidden" = "unauthorized") => ({
    fault: { reason, since },
  })
  const refused = { kind: "key_fault", fault: "unauthorized" } as const

  it("a key that the provider does not take is used no more at once, and the log hears of it once", () => {
    const place = new Place([backend("a"), backend("b")])
    const [one, , two] = [place.lease(), place.lease(), place.lease()]
    place.timers.pass(7)
    one?.settle(refused)
    two?.settle(refused)
    assert.strictEqual(place.letters(2), "bb")
    assert.deepStrictEqual(place.observations, [
      {
        kind: "key_fault",
        backend: idOf("a"),
        fault: "unauthorized",
        keyVersion: "0",
        at: place.timers.now(),
      },
    ])
    place.update()
    assert.strictEqual(place.letters(1), "b")
  })

  it("a key that the provider does not take counts no longer once the log has it and takes it back, or once there is another", () => {
    for (const back of [[fault("2026-03-01T10:00:00.000Z"), { fault: null }], [{ key_version: "1" }]]) {
      const place = new Place([backend("a"), backend("b", { pool: "fallback" })])
      place.lease().settle(refused)
      for (const change of back) {
        assert.strictEqual(place.letters(1), "b")
        place.update({ a: change })
      }
      assert.strictEqual(place.letters(1), "a")
    }
  })

  it("a key that the provider does not take does not count when it is not the key any more", () => {
    const place = new Place([backend("a")])
    const lease = place.lease()
    place.update({ a: { key_version: "1" } })
    lease.settle(refused)
    assert.strictEqual(place.letters(1), "a")
    assert.deepStrictEqual(place.observations, [])
  })

  it("a key that the provider does not take is found by the probe, and is good again when the probe says so", () => {
    const place = new Place([backend("a")])
    probe(place, "unauthorized")
    assert.strictEqual(place.observations.at(-1)?.kind, "key_fault")
    place.update({ a: fault(place.instant()) })
    probe(place, "ok")
    probe(place, "ok", { keyVersion: "1" })
    assert.lengthOf(place.observations, 1)
    place.timers.pass(60_000)
    probe(place, "ok")
    assert.deepStrictEqual(place.observations.at(-1), {
      kind: "succeeded",
      backend: idOf("a"),
      model: null,
      sentAt: place.timers.now(),
    })
    place.update({ a: { fault: null } })
    assert.strictEqual(place.letters(1), "a")
  })

  it("a key that the provider does not take is not good again by a list of models that needs no key, nor while it cools", () => {
    const place = new Place([backend("a")])
    place.lease().settle(refused)
    place.timers.pass(60_000)
    probe(place, "ok")
    place.lease().settle(refused)
    place.timers.pass(60_000)
    probe(place, "ok")
    assert.deepStrictEqual(
      place.observations.map(({ kind }) => kind),
      ["key_fault", "succeeded", "key_fault"],
    )
    const cooling = new Place([backend("a", fault("2026-01-01T00:00:00.000Z"))])
    cooling.update({ a: { cooldowns: [cooling.cooldown()] } })
    probe(cooling, "ok")
    assert.deepStrictEqual(cooling.observations, [])
  })

  it("a fault is over after a good probe or a success, whatever set it", () => {
    const probed = new Place([backend("a", fault("2026-01-01T00:00:00.000Z", "forbidden"))])
    probe(probed, "ok")
    assert.deepStrictEqual(
      probed.observations.map(({ kind }) => kind),
      ["succeeded"],
    )
    const served = new Place([backend("a")])
    const late = served.lease()
    served.lease().settle(refused)
    late.settle(ok)
    assert.strictEqual(served.observations.length, 1)
    const another = new Place([backend("a")])
    const underway = another.lease()
    another.update({ a: fault(another.instant(-10)) })
    underway.settle(ok)
    assert.strictEqual(another.observations.at(-1)?.kind, "succeeded")
  })

  it("probes are believed later each time that requests say otherwise", () => {
    const place = new Place([backend("a")])
    place.lease().settle(refused)
    const waits = Array.from({ length: 9 }, () => {
      const since = place.timers.now()
      const told = place.observations.length
      while (place.observations.length === told) {
        place.timers.pass(60_000)
        probe(place, "ok")
      }
      place.lease().settle(refused)
      return (place.timers.now() - since) / 60_000
    })
    assert.deepStrictEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  it("a key is at fault for two requests that differ and are forbidden, with none served between", () => {
    const forbidden = (request: string) => ({ kind: "key_fault", fault: "forbidden", request }) as const
    const rows = [
      [[forbidden("one")], false],
      [[forbidden("one"), forbidden("one"), forbidden("one")], false],
      [[forbidden("one"), ok, forbidden("two"), ok, forbidden("three")], false],
      [[forbidden("one"), forbidden("two")], true],
    ] as const
    for (const [outcomes, isAtFault] of rows) {
      const place = new Place([backend("a")])
      for (const outcome of outcomes) place.lease().settle(outcome)
      assert.deepStrictEqual(
        place.observations.map(({ kind }) => kind),
        isAtFault ? ["key_fault"] : [],
      )
    }
  })

  it("a key that may not list models is no faulty key", () => {
    const place = new Place([backend("a")])
    probe(place, "forbidden")
    assert.deepStrictEqual(place.observations, [])
    assert.strictEqual(place.lease().route.backend.name, "a")
  })
})

describe("what is told", () => {
  it("nothing is told of a backend that is removed", () => {
    const place = new Place([backend("a"), backend("b")])
    const leases = [place.lease(), place.lease()]
    place.become([{ backend: backend("b"), key: "key" }])
    leases[0]?.settle(rateLimited())
    const journey = place.begin(MODEL)
    assert.strictEqual(leaseOf(journey.next()).route.backend.name, "b")
    probe(place, "failed")
    assert.deepStrictEqual([...place.observations, ...place.healths], [])
    assert.strictEqual(place.router.snapshot().inFlight, 2)
  })
})
