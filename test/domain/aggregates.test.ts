import { assert, describe, it } from "@effect/vitest"
import { aggregateTypes, isAggregateType } from "../../src/domain/Aggregate.ts"
import { aggregateOf } from "../../src/domain/aggregates.ts"
import { stateTableOf } from "../../src/projections/StateTables.ts"

describe("the list of aggregate types", () => {
  for (const type of aggregateTypes) {
    it(`the list of aggregate types has ${type} once, and its aggregate and table are of this type`, () => {
      assert.isTrue(isAggregateType(type))
      assert.lengthOf(
        aggregateTypes.filter((other) => other === type),
        1,
      )
      assert.strictEqual(aggregateOf(type).type, type)
      assert.strictEqual(stateTableOf(type)?.of ?? type, type)
    })
  }

  it("the list of aggregate types does not have the types of a newer program, nor what every object has", () => {
    for (const type of ["sprint", "", "constructor", "toString"]) assert.isFalse(isAggregateType(type))
  })
})
