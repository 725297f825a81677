import { assert, describe, it } from "@effect/vitest"
import { refusalCodes, refusalOf } from "../../src/operations/refusals.ts"
import { KeyVaultUnavailable } from "../../src/commands/KeyVault.ts"
import { BackendExists, BackendNotFound } from "../../src/domain/Backend.ts"
import { KeyNeeded } from "../../src/domain/Backend.ts"
import { AllowanceNotFound } from "../../src/domain/Allowance.ts"
import { OptionNotFound, OptionUnfit } from "../../src/domain/Gateway.ts"
import { LogUnavailable } from "../../src/domain/EventLog.ts"
import { TaskAlreadyTaken } from "../../src/domain/TaskRefusal.ts"

describe("refusals", () => {
  it("refusals have codes that are stable words, each with one meaning", () => {
    const codes = refusalCodes.map(({ code }) => code)
    assert.strictEqual(new Set(codes).size, codes.length)
    for (const { code, status, title } of refusalCodes) {
      assert.match(code, /^[a-z]+(_[a-z]+)*$/)
      assert.isTrue(status >= 400 && status < 600)
      assert.isAbove(title.length, 3)
    }
  })

  it("refusals tell what to act on beside the text", () => {
    const refusal = refusalOf(new TaskAlreadyTaken({ holder: "bob" }))
    assert.deepInclude(refusal, { status: 409, code: "task_already_taken", more: { holder: "bob" } })
    assert.isUndefined(refusal.retryAfter)
  })

  it("of the gateway have their own codes", () => {
    const told = [
      new BackendNotFound(),
      new BackendExists({ id: "bkd_0123456789ab" }),
      new OptionNotFound({ key: "queue_depth" }),
      new OptionUnfit({ key: "queue_depth", reason: "Expected number" }),
      new AllowanceNotFound(),
      new KeyVaultUnavailable({ reason: "a secret of the server's" }),
      new KeyNeeded({ from: "https://a.example", to: "https://b.example" }),
    ].map(refusalOf)
    assert.deepStrictEqual(
      told.map(({ code, status }) => [status, code]),
      [
        [404, "backend_not_found"],
        [409, "backend_exists"],
        [404, "option_not_found"],
        [422, "option_unfit"],
        [404, "allowance_not_found"],
        [503, "key_vault_unavailable"],
        [422, "key_needed"],
      ],
    )
    assert.deepInclude(told[3], { detail: "Expected number", more: { key: "queue_depth", field: "value" } })
    assert.isAbove(told[5]?.retryAfter ?? 0, 0)
    assert.notInclude(JSON.stringify(told[5]), "secret")
  })

  it("refusals say when nobody knows whether it happened", () => {
    const known = refusalOf(new LogUnavailable({ reason: "away", unknown: false }))
    const unknown = refusalOf(new LogUnavailable({ reason: "no answer", unknown: true }))
    assert.deepStrictEqual([known.status, known.code], [503, "log_unavailable"])
    assert.deepStrictEqual([unknown.status, unknown.code], [503, "outcome_unknown"])
    assert.match(unknown.detail, /same Idempotency-Key/)
    assert.isAbove(unknown.retryAfter ?? 0, 0)
  })
})
