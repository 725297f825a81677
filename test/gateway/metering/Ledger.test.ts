import { assert, describe, it } from "@effect/vitest"
import { Ledger } from "../../../src/gateway/metering/Ledger.ts"
import { usageOf } from "../../support/usage.ts"

const time = (text: string) => Date.parse(text)
const NOON = time("2026-03-01T12:00:00.000Z")

describe("the ledger of a day", () => {
  it("adds up exactly what each member used", () => {
    const ledger = new Ledger()
    const used = usageOf({ at: "2026-03-01T11:59:59.999Z", total_tokens: 7, cost_usd: 0.1 })
    for (let count = 0; count < 30; count++) ledger.add(used, NOON)
    ledger.add({ ...used, member: "bob" }, NOON)
    ledger.add({ ...used, member: null }, NOON)
    assert.deepStrictEqual(ledger.today("ada", NOON), { tokens: 210, nanoUsd: 3_000_000_000 })
    assert.deepStrictEqual(ledger.today("bob", NOON), { tokens: 7, nanoUsd: 100_000_000 })
    assert.deepStrictEqual(ledger.today("eve", NOON), { tokens: 0, nanoUsd: 0 })
  })

  it("the ledger of a day begins anew at midnight (UTC), with what others used whose clocks are ahead", () => {
    const ledger = new Ledger()
    const before = time("2026-03-01T23:59:59.900Z")
    const after = time("2026-03-02T00:00:00.000Z")
    ledger.add(usageOf({ at: "2026-03-01T23:59:59.800Z", total_tokens: 1 }), before)
    ledger.add(usageOf({ at: "2026-03-02T00:00:00.100Z", total_tokens: 20 }), before)
    assert.strictEqual(ledger.today("ada", before).tokens, 1)
    assert.strictEqual(ledger.today("ada", after).tokens, 20)
    // It comes late, and counts for a day that is over.
    ledger.add(usageOf({ at: "2026-03-01T23:59:59.850Z", total_tokens: 300 }), after)
    ledger.add(usageOf({ at: "2026-03-02T00:00:00.000Z", total_tokens: 4_000 }), after)
    assert.strictEqual(ledger.today("ada", after).tokens, 4_020)
    assert.strictEqual(ledger.today("ada", after + 86_400_000).tokens, 0)
  })

  it("the ledger of a day passes over days that are far away", () => {
    const ledger = new Ledger()
    for (const at of ["2026-02-28T23:59:59.999Z", "2026-03-03T00:00:00.000Z", "2031-01-01T00:00:00.000Z"]) {
      ledger.add(usageOf({ at }), NOON)
    }
    for (const day of [-1, 0, 1, 2]) {
      assert.strictEqual(ledger.today("ada", NOON + day * 86_400_000).tokens, 0)
    }
  })
})
