import { assert, describe, it } from "@effect/vitest"
import { Allowance, AllowanceCommand, AllowanceEvent } from "../../src/domain/Allowance.ts"
import { scenario } from "./given.ts"

const given = scenario(Allowance)
const { RemoveAllowance, SetAllowance } = AllowanceCommand.cases
const { AllowanceRemoved, AllowanceSet } = AllowanceEvent.cases

const limits = { slug: "bob", requests_per_minute: 60, tokens_per_day: null, usd_per_day: 2.5 }
const set = AllowanceSet.make(limits)
const removed = AllowanceRemoved.make({ slug: "bob" })
const remove = RemoveAllowance.make({})

describe("Allowance", () => {
  it("an allowance is set, and recorded when it differs", () => {
    assert.deepStrictEqual(given().when(SetAllowance.make(limits)), [set])
    assert.deepStrictEqual(given(set).when(SetAllowance.make(limits)), [])
    assert.deepStrictEqual(given(set).when(SetAllowance.make({ ...limits, usd_per_day: null })), [
      { ...set, usd_per_day: null },
    ])
    assert.deepStrictEqual(given(set).state, { _tag: "Known", is_set: true, ...limits })
  })

  it("an allowance is removed once, and can be set again to the same", () => {
    assert.deepStrictEqual(given(set).when(remove), [removed])
    assert.deepStrictEqual(given(set, removed).state, { _tag: "Known", is_set: false, ...limits })
    assert.deepStrictEqual(given(set, removed).when(remove), { _tag: "AllowanceNotFound" })
    assert.deepStrictEqual(given().when(remove), { _tag: "AllowanceNotFound" })
    assert.deepStrictEqual(given(set, removed).when(SetAllowance.make(limits)), [set])
    assert.deepStrictEqual(given(set, removed, set).state, given(set).state)
  })
})
