import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Slug } from "../../src/domain/Ids.ts"
import { KeyPrefix, Prefix, prefixCandidates, PrefixCommand, PrefixEvent } from "../../src/domain/Prefix.ts"
import { scenario } from "./given.ts"
import { uuids } from "./histories.ts"

const [project = "", other = ""] = uuids
const given = scenario(Prefix)
const claim = (project_id: string) => PrefixCommand.cases.ClaimPrefix.make({ project_id })
const claimed = PrefixEvent.cases.PrefixClaimed.make({ project_id: project })

const firstOf = (slug: string, count: number) => {
  const candidates = prefixCandidates(slug)
  return Array.from({ length: count }, () => candidates.next().value)
}

describe("Prefix", () => {
  it("a prefix belongs to the first project that claims it", () => {
    assert.deepStrictEqual(given().when(claim(project)), [claimed])
    assert.deepStrictEqual(given(claimed).when(claim(project)), [])
    assert.deepStrictEqual(given(claimed).when(claim(other)), { _tag: "PrefixTaken", by: project })
  })

  it("a prefix grows out of the slug, then is numbered", () => {
    const grown = ["TE", "TEA", "TEAM", "TEAMB", "TEAMBO", "TEAMBOA", "TEAMBOAR", "TEAMBOARD"]
    assert.deepStrictEqual(firstOf("team-board", 11), [...grown, "TE2", "TE3", "TE4"])
    assert.deepStrictEqual(firstOf("a", 3), ["A", "A2", "A3"])
    assert.deepStrictEqual(firstOf("---", 3), ["P", "P2", "P3"])
    assert.deepStrictEqual(firstOf("9-lives", 2), ["9L", "9LI"])
  })

  it.prop("always another candidate, each a prefix", [Slug], ([slug]) => {
    const candidates = firstOf(slug, 500)
    for (const candidate of candidates) assert.isTrue(Schema.is(KeyPrefix)(candidate), candidate)
    assert.isAtLeast(new Set(candidates).size, 480)
  })
})
