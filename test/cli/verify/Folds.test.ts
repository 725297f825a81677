import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Folded, Folds } from "../../../src/cli/verify/Folds.ts"
import type { AggregateType } from "../../../src/domain/Aggregate.ts"

const state = Schema.Struct({ text: Schema.String }) as unknown as Schema.Codec<unknown, unknown>
const codecs = { task: state } as unknown as Record<AggregateType, typeof state>

const folded = (id: string, seq: number): Folded => ({
  subject: { type: "task", id },
  seq,
  version: seq - 1,
  hash: `hash ${seq}`,
  state: { text: `ü ${seq}` },
  remembered: [{ id: "ada:x", fingerprint: "f", seq }],
  isSound: seq % 2 === 0,
})

describe("Folds", () => {
  it("Folds gives back the newest of each, however many are kept as they are", () => {
    for (const hot of [1, 2, 100]) {
      const folds = new Folds(codecs, hot)
      const newest = new Map<string, Folded>()
      for (let seq = 1; seq <= 200; seq += 1) {
        const next = folded(`t${(seq * 7) % 20}`, seq)
        folds.set(next)
        newest.set(next.subject.id, next)
      }
      for (const [id, expected] of newest) assert.deepStrictEqual(folds.get({ type: "task", id }), expected)
      assert.sameDeepMembers(
        [...folds.subjects],
        [...newest.values()].map(({ subject }) => subject),
      )
    }
    assert.isUndefined(new Folds(codecs).get({ type: "task", id: "none" }))
  })
})
