import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Bucket } from "../../../src/gateway/routing/Bucket.ts"

const START = 1_000_000

describe("a bucket", () => {
  it("a bucket holds the limit, and gets the limit back in a minute, token by token", () => {
    const bucket = new Bucket(60, 1, START, true)
    assert.strictEqual(bucket.tokens(START), 60)
    bucket.take(START, 60)
    assert.strictEqual(bucket.fill(START), -1)
    assert.strictEqual(bucket.readyAt(START), START + 1_000)
    assert.strictEqual(bucket.fill(START + 999), -1)
    assert.approximately(bucket.fill(START + 1_000), 1 / 60, 1e-9)
    assert.approximately(bucket.tokens(START + 30_000), 30, 1e-9)
    assert.strictEqual(bucket.tokens(START + 90_000), 60)
  })

  it("a bucket has a whole token at the very time that it says, whatever the rate", () => {
    for (const perMinute of [1, 7, 40, 59, 61, 1_000, 999_999]) {
      for (const nodes of [1, 2, 3, 7]) {
        const bucket = new Bucket(perMinute, nodes, START, false)
        const at = bucket.readyAt(START)
        assert.isAbove(bucket.fill(at), 0, `${perMinute} on ${nodes}`)
      }
    }
  })

  it("a bucket is shared among nodes, with a whole token for each at least", () => {
    const bucket = new Bucket(60, 3, START, true)
    assert.strictEqual(bucket.tokens(START), 20)
    bucket.take(START, 20)
    assert.approximately(bucket.tokens(START + 30_000), 10, 1e-9)
    const small = new Bucket(2, 5, START, true)
    assert.strictEqual(small.tokens(START), 1)
    small.take(START)
    assert.strictEqual(small.readyAt(START), START + 150_000)
  })

  it("loses what is above its share when a node comes, and gains nothing at once when one goes", () => {
    const bucket = new Bucket(60, 1, START, true)
    bucket.share(60, 2, START)
    assert.strictEqual(bucket.tokens(START), 30)
    bucket.share(60, 1, START)
    assert.strictEqual(bucket.tokens(START), 30)
    assert.approximately(bucket.tokens(START + 10_000), 40, 1e-9)
  })

  it("a bucket keeps its fill when the limit changes", () => {
    const bucket = new Bucket(60, 1, START, true)
    bucket.take(START, 30)
    bucket.share(600, 1, START)
    assert.strictEqual(bucket.tokens(START), 300)
    bucket.share(6, 1, START)
    assert.strictEqual(bucket.tokens(START), 3)
  })

  it("of rate 0 never has one", () => {
    const bucket = new Bucket(0, 1, START, true)
    assert.strictEqual(bucket.fill(START + 1e9), -1)
    assert.strictEqual(bucket.readyAt(START), Infinity)
    bucket.share(60, 1, START)
    assert.isFinite(bucket.readyAt(START))
  })

  it("a bucket goes on being filled when a clock that was an hour ahead is set right", () => {
    const bucket = new Bucket(60, 1, START + 3_600_000, true)
    bucket.take(START, 60)
    assert.strictEqual(bucket.tokens(START), 0)
    assert.approximately(bucket.tokens(START + 2_000), 2, 1e-9)
  })

  it("a bucket does not mind a clock that is set back", () => {
    const bucket = new Bucket(60, 1, START, true)
    bucket.take(START, 60)
    bucket.take(START - 5_000)
    assert.strictEqual(bucket.tokens(START - 5_000), 0)
    assert.approximately(bucket.tokens(START + 2_000), 2, 1e-9)
  })

  const Steps = Schema.Array(
    Schema.Struct({
      wait: Schema.Literals([0, 1, 250, 999, 1_000, 7_500, 60_000]),
      takes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })),
      nodes: Schema.Literals([1, 2, 3]),
    }),
  ).check(Schema.isMaxLength(60))

  it.prop(
    "a bucket never lets more through in a minute than what it held and what it got",
    [Steps],
    ([steps]) => {
      const bucket = new Bucket(40, 1, START, true)
      const taken: Array<number> = []
      let now = START
      for (const { nodes, takes, wait } of steps) {
        now += wait
        bucket.share(40, nodes, now)
        for (let n = 0; n < takes && bucket.fill(now) >= 0; n++) {
          bucket.take(now)
          taken.push(now)
        }
      }
      for (const from of taken) {
        assert.isAtMost(taken.filter((at) => at >= from && at < from + 60_000).length, 80)
      }
    },
  )
})
