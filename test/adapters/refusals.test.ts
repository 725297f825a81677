import { assert, describe, it } from "@effect/vitest"
import { refusalCodes, refusalOf } from "../../src/adapters/refusals.ts"
import { LogUnavailable } from "../../src/domain/EventLog.ts"
import { TaskAlreadyTaken } from "../../src/domain/TaskRefusal.ts"

describe("refusals", () => {
  it("have codes that are stable words, each with one meaning", () => {
    const codes = refusalCodes.map(([code]) => code)
    assert.strictEqual(new Set(codes).size, codes.length)
    for (const [code, status, title] of refusalCodes) {
      assert.match(code, /^[a-z]+(_[a-z]+)*$/)
      assert.isTrue(status >= 400 && status < 600)
      assert.isAbove(title.length, 3)
    }
  })

  it("tell what to act on beside the text", () => {
    const refusal = refusalOf(new TaskAlreadyTaken({ holder: "bob" }))
    assert.deepInclude(refusal, { status: 409, code: "task_already_taken", more: { holder: "bob" } })
    assert.isUndefined(refusal.retryAfter)
  })

  it("say when nobody knows whether it happened", () => {
    const known = refusalOf(new LogUnavailable({ reason: "away", unknown: false }))
    const unknown = refusalOf(new LogUnavailable({ reason: "no answer", unknown: true }))
    assert.deepStrictEqual([known.status, known.code], [503, "log_unavailable"])
    assert.deepStrictEqual([unknown.status, unknown.code], [503, "outcome_unknown"])
    assert.match(unknown.detail, /same Idempotency-Key/)
    assert.isAbove(unknown.retryAfter ?? 0, 0)
  })
})
