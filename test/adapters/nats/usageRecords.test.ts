import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { readUsage } from "../../../src/adapters/nats/usageRecords.ts"
import { UsageRecord } from "../../../src/domain/Usage.ts"
import { randomUsage, usageOf } from "../../support/usage.ts"

/** Fields that records of older programs don't have. */
const younger = new Set(["cache_write_hour_tokens", "price_source"])
const decode = Schema.decodeUnknownOption(UsageRecord)

describe("a stored record of usage", () => {
  it("a stored record of usage is read as the Schema reads it", () => {
    for (const record of randomUsage("records", 200)) {
      const stored: unknown = JSON.parse(JSON.stringify(record))
      assert.deepStrictEqual(readUsage(stored), decode(stored))
    }
  })

  it.each(Object.keys(UsageRecord.fields))("is none when its %s is missing or wrong", (field) => {
    const { [field as keyof UsageRecord]: _, ...rest } = usageOf()
    assert.strictEqual(Option.isNone(readUsage(rest)), !younger.has(field), "missing")
    for (const wrong of [{}, [1], "\0", Number.NaN]) {
      assert.isTrue(Option.isNone(readUsage({ ...rest, [field]: wrong })), JSON.stringify(wrong))
    }
  })

  it("a stored record of usage is none when it used less than nothing", () => {
    for (const field of ["total_tokens", "cost_usd", "latency_ms", "first_output_ms"]) {
      assert.isTrue(Option.isNone(readUsage({ ...usageOf(), [field]: -1 })), field)
    }
  })

  it("a stored record of usage is none when it is no object at all", () => {
    for (const value of [null, undefined, "text", 7, []]) assert.isTrue(Option.isNone(readUsage(value)))
  })
})
