import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  Gateway,
  GatewayCommand,
  gatewayDefaults,
  GatewayEvent,
  GatewayOption,
  GatewayOptions,
} from "../../src/domain/Gateway.ts"
import { scenario } from "./given.ts"

const given = scenario(Gateway)
const { CloseEmergency, OpenEmergency, RemoveOption, SetOption } = GatewayCommand.cases
const { EmergencyClosed, EmergencyOpened, OptionRemoved, OptionSet } = GatewayEvent.cases

const depth = OptionSet.make({ key: "queue_depth", value: 10 })
const opened = EmergencyOpened.make({ model: "opus" })

describe("Gateway", () => {
  it("the gateway has defaults that are fit to be set, one for every option", () => {
    assert.isTrue(Schema.is(GatewayOptions)(gatewayDefaults))
    for (const key of GatewayOption.literals) {
      const set = SetOption.make({ key, value: gatewayDefaults[key] })
      assert.deepStrictEqual(given().when(set), [OptionSet.make({ key, value: gatewayDefaults[key] })])
    }
  })

  it("the gateway keeps what operators set, and forgets what they remove", () => {
    const set = SetOption.make({ key: "queue_depth", value: 10 })
    assert.deepStrictEqual(given().when(set), [depth])
    assert.deepStrictEqual(given(depth).when(set), [])
    assert.deepStrictEqual(given(depth).when({ ...set, value: 11 }), [{ ...depth, value: 11 }])
    assert.deepInclude(given(depth).state, { options: { queue_depth: 10 } })
    const removed = OptionRemoved.make({ key: "queue_depth" })
    const remove = RemoveOption.make({ key: "queue_depth" })
    assert.deepStrictEqual(given(depth).when(remove), [removed])
    assert.deepInclude(given(depth, removed).state, { options: {} })
    assert.deepStrictEqual(given(depth, removed).when(remove), { _tag: "OptionNotFound", key: "queue_depth" })
  })

  it("the gateway tells no limit from not set", () => {
    const key = "member_usd_per_day"
    const none = OptionSet.make({ key, value: null })
    assert.deepStrictEqual(given().when(SetOption.make({ key, value: null })), [none])
    assert.deepStrictEqual(given(none).when(SetOption.make({ key, value: null })), [])
  })

  it("the gateway refuses values that an option can't have, and says why", () => {
    const unfit: ReadonlyArray<readonly [key: keyof GatewayOptions, value: number | string | null]> = [
      ["rpm_limit", 0],
      ["rpm_limit", 1.5],
      ["rpm_limit", null],
      ["queue_depth", -1],
      ["queue_seconds", "30 seconds"],
      ["queue_seconds", 0],
      ["cooldown_max_seconds", 86_401],
      ["emergency_fraction", 1.01],
      ["pool_retries", 21],
      ["member_tokens_per_day", -1],
      ["health_path", ""],
      ["health_path", "v1/models"],
      ["health_path", "//evil.example.org/v1"],
      ["health_path", "/\\evil.example.org/v1"],
      ["health_path", "/v1 /models"],
    ]
    for (const [key, value] of unfit) {
      const refusal = given().when(SetOption.make({ key, value })) as {
        readonly _tag: string
        readonly key: string
        readonly reason: string
      }
      assert.deepInclude(refusal, { _tag: "OptionUnfit", key }, `${key} ${value}`)
      assert.isAbove(refusal.reason.length, 10)
    }
    for (const value of ["/", "/v1/models", "/a//b?c=d"]) {
      assert.isArray(given().when(SetOption.make({ key: "health_path", value })), value)
    }
  })

  it("the gateway opens and closes its emergency lane once", () => {
    const open = OpenEmergency.make({ model: "opus" })
    assert.deepStrictEqual(given().when(open), [opened])
    assert.deepStrictEqual(given(opened).when(OpenEmergency.make({ model: "haiku" })), [])
    assert.deepInclude(given(opened).state, { is_emergency: true })
    const closed = EmergencyClosed.make({})
    assert.deepStrictEqual(given(opened).when(CloseEmergency.make({})), [closed])
    assert.deepStrictEqual(given(opened, closed).when(CloseEmergency.make({})), [])
    assert.deepInclude(given(depth, opened, closed).state, {
      is_emergency: false,
      options: { queue_depth: 10 },
    })
  })
})
