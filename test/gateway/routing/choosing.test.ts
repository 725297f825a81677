import { assert, describe, it } from "vitest"
import { backend, failed, idOf, leaseOf, mappings, MODEL, noneOf, ok, Place, rateLimited } from "./place.ts"

describe("the router", () => {
  it("uses the keys of a pool evenly, the oldest first", () => {
    const place = new Place([backend("c"), backend("a"), backend("b")])
    assert.strictEqual(place.letters(9), "abcabcabc")
  })

  it("uses them by their limits", () => {
    const place = new Place([backend("a", { rpm_limit: 10 }), backend("b", { rpm_limit: 40 })])
    const letters = place.letters(25)
    assert.strictEqual([...letters].filter((letter) => letter === "a").length, 5)
  })

  it("the router goes to the fallback pool when the primary has no token left", () => {
    const place = new Place([
      backend("a", { pool: "fallback" }),
      backend("b", { rpm_limit: 2 }),
      backend("c", { rpm_limit: 1 }),
    ])
    assert.strictEqual(place.letters(5), "bcbaa")
    assert.deepStrictEqual(
      [place.lease().lane, place.begin().next()].map((one) =>
        typeof one === "string" ? one : leaseOf(one).lane,
      ),
      ["fallback", "fallback"],
    )
  })

  it("the router goes only where the model is mapped, by its name there, on a wire that the request can take", () => {
    const place = new Place([
      backend("a", { model_mappings: mappings("large") }),
      backend("b", { api: "anthropic-messages" }),
      backend("c"),
    ])
    const lease = place.lease()
    assert.deepStrictEqual(
      [lease.route.backend.name, lease.route.key, lease.mapping.native_id, lease.lane, lease.isProbe],
      ["c", "key of c", "native-small", "primary", false],
    )
    assert.strictEqual(place.lease("large").route.backend.name, "a")
    const anthropic = place.router.begin({ model: MODEL, apis: ["anthropic-messages"] })
    assert.strictEqual(leaseOf(anthropic.next()).route.backend.name, "b")
  })

  it("the router knows at once that nobody maps a model on this wire, but not because its backends are ill", () => {
    const place = new Place([
      backend("a", { is_enabled: false }),
      backend("b", { api: "anthropic-messages", model_mappings: mappings("claude") }),
    ])
    for (const model of ["large", "claude", "__proto__", "constructor"]) {
      assert.deepStrictEqual(noneOf(place.begin(model).next()), {
        kind: "unknown_model",
        retryAfterMillis: 0,
      })
    }
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
    assert.strictEqual(noneOf(new Place([]).begin().next()).kind, "unknown_model")
  })

  it("the router leaves out what is disabled, faulted or has no key here", () => {
    const place = new Place([backend("a"), backend("b"), backend("c"), backend("d")])
    place.become([
      { backend: backend("a", { is_enabled: false }), key: "a" },
      { backend: backend("b", { fault: { reason: "forbidden", since: place.instant() } }), key: "b" },
      { backend: backend("c"), key: undefined },
      { backend: backend("d"), key: "d" },
    ])
    assert.strictEqual(place.letters(4), "dddd")
  })

  it("the router asks those that are down only when nobody else is left", () => {
    const place = new Place([
      backend("a", { health: "down" }),
      backend("b", { health: "degraded", rpm_limit: 2 }),
      backend("c", { pool: "fallback", rpm_limit: 1 }),
      backend("d", { pool: "fallback", health: "down" }),
    ])
    assert.strictEqual(place.letters(5), "bbcaa")
  })

  it("the router sends a request that failed to the others, to each once, at most so many times", () => {
    const letters = ["a", "b", "c", "d"]
    const place = new Place(
      letters.map((letter) => backend(letter)),
      { pool_retries: 3, emergency_fraction: 0 },
    )
    const journey = place.begin()
    const asked = [1, 2, 3].map(() => {
      const lease = leaseOf(journey.next())
      lease.settle(failed)
      return lease.route.backend.name
    })
    assert.deepStrictEqual(asked, ["a", "b", "c"])
    assert.deepStrictEqual(noneOf(journey.next()), { kind: "exhausted", retryAfterMillis: 0 })
    const pair = new Place([backend("a"), backend("b")], { emergency_fraction: 0 })
    const other = pair.begin()
    leaseOf(other.next()).settle(failed)
    leaseOf(other.next()).settle(rateLimited(60_000))
    assert.strictEqual(noneOf(other.next()).kind, "exhausted")
  })

  it("the router gives a request one lease at a time, and hears of its end once", () => {
    const place = new Place([backend("a"), backend("b")])
    const journey = place.begin()
    const lease = leaseOf(journey.next())
    assert.throws(() => journey.next(), "one lease at a time")
    lease.settle(failed)
    lease.settle(rateLimited())
    lease.accepted()
    assert.deepStrictEqual(place.observations, [])
    const next = leaseOf(journey.next())
    lease.settle(ok)
    assert.throws(() => journey.next(), "one lease at a time")
    assert.strictEqual(next.route.backend.name, "b")
    assert.strictEqual(place.router.snapshot().inFlight, 1)
    next.settle(ok)
    assert.strictEqual(place.router.snapshot().inFlight, 0)
  })

  it("the router refuses a request whose client is gone", () => {
    const place = new Place([backend("a")])
    assert.strictEqual(noneOf(place.begin(MODEL, AbortSignal.abort()).next()).kind, "aborted")
  })
})

describe("the shares of nodes", () => {
  it("the shares of nodes are the limit divided by those that live", () => {
    const place = new Place([backend("a", { rpm_limit: 60 })])
    place.nodes = 3
    place.update()
    assert.strictEqual(place.rpmLeft("a"), 20)
    place.nodes = 2
    place.update()
    assert.strictEqual(place.rpmLeft("a"), 20)
    place.timers.pass(60_000)
    assert.strictEqual(place.rpmLeft("a"), 30)
  })

  it("the shares of nodes are nothing at the start while others live, and for one that starts alone what was not used", () => {
    const late = new Place([backend("a")], {}, { nodes: 2 })
    late.router.seed(idOf("a"), 5)
    assert.strictEqual(late.rpmLeft("a"), 0)
    late.timers.pass(10_000)
    assert.strictEqual(late.rpmLeft("a"), 5)
    const alone = new Place([backend("a"), backend("b")])
    alone.router.seed(idOf("a"), 45)
    alone.router.seed(idOf("b"), 100)
    alone.router.seed(idOf("z"), 1)
    assert.deepStrictEqual([alone.rpmLeft("a"), alone.rpmLeft("b")], [15, 0])
  })

  it("of a backend that is registered later are there at once", () => {
    const place = new Place([backend("a")], {}, { nodes: 2 })
    place.become([backend("a"), backend("b")].map((one) => ({ backend: one, key: "key" })))
    assert.deepStrictEqual([place.rpmLeft("a"), place.rpmLeft("b")], [0, 30])
  })

  it("outlive updates, and go by a new limit", () => {
    const place = new Place([backend("a")])
    place.letters(30)
    place.update({ a: { label: "new" } })
    assert.strictEqual(place.rpmLeft("a"), 30)
    place.update({ a: { rpm_limit: 600 } })
    assert.strictEqual(place.rpmLeft("a"), 300)
  })
})
