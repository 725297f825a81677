import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Bag, type Bagged, OUTSIDE } from "../../src/adapters/Bag.ts"

interface Thing extends Bagged {
  readonly name: number
}

const names = (things: Iterable<Thing>) => [...things].map(({ name }) => name)
const Choice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))

describe("a bag", () => {
  it.prop("a bag has what was put into it and not taken out", [Schema.Array(Choice)], ([choices]) => {
    const bag = new Bag<Thing>()
    const inside = new Set<Thing>()
    for (const [name, choice] of choices.entries()) {
      const out = [...inside][choice]
      if (out === undefined) {
        const thing = { name, place: OUTSIDE }
        bag.add(thing)
        bag.add(thing)
        inside.add(thing)
      } else {
        bag.remove(out)
        bag.remove(out)
        inside.delete(out)
      }
      assert.strictEqual(bag.isEmpty, inside.size === 0)
      assert.sameMembers(names(bag.all()), names(inside))
    }
  })
})
