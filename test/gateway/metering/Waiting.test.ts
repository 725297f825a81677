import { assert, describe, it } from "@effect/vitest"
import { Waiting } from "../../../src/gateway/metering/Waiting.ts"
import { usageOf } from "../../support/usage.ts"

describe("records that wait for the log", () => {
  it("go a hundred at a time, the oldest first", () => {
    const waiting = new Waiting()
    const records = Array.from({ length: 101 }, (_, latency_ms) => usageOf({ latency_ms }))
    for (const record of records) assert.strictEqual(waiting.add(record), 0)
    const first = waiting.take()
    assert.deepStrictEqual(first.records, records.slice(0, 100))
    assert.deepStrictEqual(JSON.parse(first.json), first.records)
    assert.strictEqual(waiting.size, 1)
    assert.deepStrictEqual(waiting.take().records, records.slice(100))
    assert.deepStrictEqual(waiting.take(), { records: [], json: "[]" })
  })

  it("go fewer at a time when they are long, but at least one", () => {
    const waiting = new Waiting()
    const failures = Array.from({ length: 30 }, () => ({
      backend: "bkd_000000000001",
      lane: "primary" as const,
      error: "\u{1F642}".repeat(100),
    }))
    for (let count = 0; count < 100; count++) waiting.add(usageOf({ failures }))
    const taken = waiting.take()
    assert.isAbove(taken.records.length, 1)
    // What the log takes of any record.
    assert.isBelow(Buffer.byteLength(taken.json), 256 * 1024)
  })

  it("usage records that wait for the log are not more than memory is meant for: the oldest give way, and are counted", () => {
    const waiting = new Waiting()
    const record = usageOf()
    for (let count = 0; count < 100_000; count++) waiting.add(record)
    assert.strictEqual(waiting.add(usageOf({ model: "newest" })), 1_000)
    assert.deepStrictEqual([waiting.size, waiting.lost], [99_001, 1_000])
  })
})
