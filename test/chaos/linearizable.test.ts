import { assert, describe, it } from "vitest"
import { type Deed, free, type Holding, keyOfHolding, onHolding } from "../../chaos/holding.ts"
import { judge, type Operation } from "../../chaos/linearizable.ts"
import { Random } from "../../chaos/Random.ts"

type Entry = readonly [start: number, end: number, deed: Deed]

const judgeHolding = (operations: ReadonlyArray<Operation<Holding>>, most?: number) =>
  judge(operations, free, keyOfHolding, most)

const judgementOf = (...history: ReadonlyArray<Entry>) =>
  judgeHolding(history.map(([start, end, deed]) => onHolding(deed, start, end)))

const taken = (by: string, claim: number): Deed => ({ kind: "take", by, answer: "taken", claim })
const held = (by: string, holder: string): Deed => ({ kind: "take", by, answer: "held", holder })
const takeLost = (by: string): Deed => ({ kind: "take", by, answer: "unknown" })
const released = (by: string): Deed => ({ kind: "reject", by, answer: "released" })
const rejectLost = (by: string): Deed => ({ kind: "reject", by, answer: "unknown" })
const notHolder = (by: string, holder: string | null): Deed => ({
  kind: "reject",
  by,
  answer: "not holder",
  holder,
})
const changed = (by: string, claim: number): Deed => ({ kind: "change", by, with: claim, answer: "changed" })
const stale = (by: string, given: number, claim: number | null): Deed => ({
  kind: "change",
  by,
  with: given,
  answer: "stale",
  claim,
})

describe("histories that one task can have had", () => {
  const legal: ReadonlyArray<readonly [what: string, history: ReadonlyArray<Entry>]> = [
    ["nothing at all", []],
    [
      "take, give back, take by another",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, taken("b", 9)],
      ],
    ],
    [
      "two at once, one wins",
      [
        [0, 10, taken("a", 5)],
        [1, 9, held("b", "a")],
      ],
    ],
    [
      "answers in the other order than effects",
      [
        [0, 100, released("a")],
        [-2, -1, taken("a", 5)],
        [1, 2, taken("b", 9)],
      ],
    ],
    [
      "taking what one holds",
      [
        [0, 1, taken("a", 5)],
        [2, 3, taken("a", 5)],
      ],
    ],
    [
      "a lost taking that took effect",
      [
        [0, 1, takeLost("a")],
        [2, 3, held("b", "a")],
      ],
    ],
    [
      "a lost taking that never did",
      [
        [0, 1, takeLost("a")],
        [2, 3, taken("b", 9)],
      ],
    ],
    [
      "a lost taking that took effect much later",
      [
        [0, 1, takeLost("a")],
        [2, 3, taken("b", 9)],
        [4, 5, released("b")],
        [6, 7, held("c", "a")],
      ],
    ],
    [
      "a lost giving back",
      [
        [0, 1, taken("a", 5)],
        [2, 3, rejectLost("a")],
        [4, 5, taken("b", 9)],
      ],
    ],
    [
      "a change under the claim that holds",
      [
        [0, 1, taken("a", 5)],
        [2, 3, changed("a", 5)],
      ],
    ],
    [
      "a change under an old claim",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, taken("b", 9)],
        [6, 7, stale("a", 5, 9)],
      ],
    ],
    [
      "a change of what nobody holds any more",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, stale("a", 5, null)],
      ],
    ],
    [
      "giving back what another holds",
      [
        [0, 1, taken("a", 5)],
        [2, 3, notHolder("b", "a")],
      ],
    ],
  ]
  it.each(legal)("%s", (_, history) => assert.strictEqual(judgementOf(...history), "possible"))
})

describe("histories that no task can have had", () => {
  const illegal: ReadonlyArray<readonly [what: string, history: ReadonlyArray<Entry>]> = [
    [
      "two holders, one after the other",
      [
        [0, 1, taken("a", 5)],
        [2, 3, taken("b", 9)],
      ],
    ],
    [
      "two holders at once",
      [
        [0, 10, taken("a", 5)],
        [1, 9, taken("b", 9)],
      ],
    ],
    ["refused in the name of who never held", [[0, 1, held("b", "a")]]],
    [
      "refused before the other even asked",
      [
        [0, 1, held("b", "a")],
        [2, 3, taken("a", 5)],
      ],
    ],
    [
      "given back twice",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, released("a")],
      ],
    ],
    [
      "given back by another",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("b")],
      ],
    ],
    [
      "told not to hold although the repeat took effect",
      [
        [0, 1, taken("a", 5)],
        [2, 3, notHolder("a", null)],
      ],
    ],
    [
      "the same taking with two claims",
      [
        [0, 1, taken("a", 5)],
        [2, 3, taken("a", 6)],
      ],
    ],
    [
      "a change under an old claim goes through",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, taken("b", 9)],
        [6, 7, changed("a", 5)],
      ],
    ],
    [
      "a change of what nobody holds",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, changed("a", 5)],
      ],
    ],
    [
      "a claim that is older than the one before",
      [
        [0, 1, taken("a", 9)],
        [2, 3, released("a")],
        [4, 5, taken("b", 5)],
      ],
    ],
    [
      "a change under an outdated claim while that of a lost taking holds",
      [
        [0, 1, taken("a", 5)],
        [2, 3, released("a")],
        [4, 5, takeLost("b")],
        [6, 7, held("c", "b")],
        [8, 9, changed("a", 5)],
      ],
    ],
    [
      "one lost taking explains one holder only",
      [
        [0, 1, takeLost("a")],
        [2, 3, held("b", "a")],
        [4, 5, taken("b", 9)],
      ],
    ],
    [
      "a lost taking can't act before it was asked",
      [
        [0, 1, held("b", "a")],
        [2, 3, takeLost("a")],
      ],
    ],
  ]
  it.each(illegal)("%s", (_, history) => assert.strictEqual(judgementOf(...history), "impossible"))
})

/**
 * A history that really happened: several clients take and give back, one after the other, with blurred times
 * and lost answers.
 */
const simulated = (random: Random, length: number): Array<Operation<Holding>> => {
  let state: Holding = free
  return Array.from({ length }, (_, moment) => {
    const by = random.pick(["a", "b", "c"])
    const deed: Deed = random.chance(0.5)
      ? state.holder === null || state.holder === by
        ? taken(by, state.claim ?? moment + 1)
        : held(by, state.holder)
      : state.holder === by
        ? released(by)
        : notHolder(by, state.holder)
    if (deed.answer === "taken") state = { holder: by, claim: deed.claim, newest: deed.claim }
    if (deed.answer === "released") state = free
    const isLost = random.chance(0.03) && (deed.kind === "take" || deed.kind === "reject")
    const seen = isLost ? (deed.kind === "take" ? takeLost(by) : rejectLost(by)) : deed
    return onHolding(seen, moment - random.next() * 4, moment + random.next() * 4)
  })
}

describe("long histories", () => {
  it("of 5,000 operations with lost answers are judged at once", () => {
    for (const seed of [1, 2, 3]) {
      const history = simulated(new Random(seed), 5_000)
      assert.strictEqual(judgeHolding(history), "possible", `seed ${seed}`)
    }
  })

  it("in which one answer is made up are refused", () => {
    for (const seed of [1, 2, 3]) {
      const history = simulated(new Random(seed), 2_000)
      history.splice(
        1_000,
        0,
        onHolding(taken("nobody", 99_999), 999.4, 999.6),
        onHolding(taken("else", 99_998), 999.5, 999.7),
      )
      assert.strictEqual(judgeHolding(history), "impossible", `seed ${seed}`)
    }
  })

  it("long histories end undecided where they take longer than they may", () => {
    assert.strictEqual(judgeHolding(simulated(new Random(1), 300), 100), "undecided")
  })
})
