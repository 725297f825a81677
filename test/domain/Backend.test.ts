import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { BackendCommand, BackendEvent } from "../../src/domain/Backend.ts"
import { at, given, limited, registered, registration, succeeded } from "./backends.ts"
import { placed } from "./given.ts"

const { ChangeBackend, EndCooldown, ObserveKeyFault, RegisterBackend, RemoveBackend, ReportHealth } =
  BackendCommand.cases
const {
  BackendChanged,
  BackendDisabled,
  BackendEnabled,
  BackendFailed,
  BackendRecovered,
  BackendRemoved,
  HealthChanged,
  KeyRotated,
} = BackendEvent.cases

const rotate = ChangeBackend.make({ key: { key_version: "b2", key_mask: "sk-def****stuv" } })
const rotated = KeyRotated.make({ key_version: "b2", key_mask: "sk-def****stuv" })
const fault = (key_version: string, seconds = 0) =>
  ObserveKeyFault.make({ fault: "unauthorized", key_version, now: at(seconds) })
const failed = BackendFailed.make({ fault: "unauthorized", since: at(0) })
const recovered = BackendRecovered.make({})

describe("Backend", () => {
  it("a backend is registered once, healthy and without cooldowns", () => {
    const register = RegisterBackend.make(registration)
    assert.deepStrictEqual(given().when(register), [registered])
    assert.deepStrictEqual(given(registered).when(register), { _tag: "BackendExists", id: registration.id })
    assert.deepStrictEqual(given(registered).state, {
      _tag: "Known",
      ...registration,
      fault: null,
      health: "healthy",
      cooldowns: [],
      created_at: placed.at,
      updated_at: placed.at,
    })
  })

  it("a backend records only what differs", () => {
    const change = ChangeBackend.make({ name: "OpenAI", rpm_limit: 60, is_enabled: true })
    assert.deepStrictEqual(given(registered).when(change), [
      BackendChanged.make({ changes: { rpm_limit: 60 } }),
    ])
    assert.deepStrictEqual(given(registered).when(ChangeBackend.make({ name: "OpenAI" })), [])
  })

  it("a backend is enabled and disabled apart from its configuration", () => {
    const disable = ChangeBackend.make({ pool: "fallback", is_enabled: false })
    const disabled = BackendDisabled.make({})
    assert.deepStrictEqual(given(registered).when(disable), [
      BackendChanged.make({ changes: { pool: "fallback" } }),
      disabled,
    ])
    assert.deepInclude(given(registered, disabled).state, { is_enabled: false })
    assert.deepStrictEqual(given(registered, disabled).when(ChangeBackend.make({ is_enabled: true })), [
      BackendEnabled.make({}),
    ])
  })

  it("a backend has another key after a rotation, once for each version", () => {
    assert.deepStrictEqual(given(registered).when(rotate), [rotated])
    assert.deepStrictEqual(given(registered, rotated).when(rotate), [])
    assert.deepInclude(given(registered, rotated).state, { key_version: "b2", key_mask: "sk-def****stuv" })
  })

  it("a backend is in error once its provider refuses the key, until another key", () => {
    assert.deepStrictEqual(given(registered).when(fault("a1")), [failed])
    assert.deepStrictEqual(given(registered, failed).when(fault("a1", 5)), [])
    assert.deepInclude(given(registered, failed).state, { fault: { reason: "unauthorized", since: at(0) } })
    assert.deepInclude(given(registered, failed, rotated).state, { fault: null })
  })

  it("a backend takes no notice of a fault of the key before", () => {
    assert.deepStrictEqual(given(registered, rotated).when(fault("a1")), [])
    assert.deepStrictEqual(given(registered, rotated).when(fault("b2")), [failed])
  })

  it("a backend recovers when a request succeeds that was sent after the fault, is enabled anew, or is elsewhere", () => {
    assert.deepStrictEqual(given(registered, failed).when(succeeded(0)), [])
    assert.deepStrictEqual(given(registered, failed).when(succeeded(1)), [recovered])
    assert.deepInclude(given(registered, failed, recovered).state, { fault: null })
    const [disabled, enabled] = [BackendDisabled.make({}), BackendEnabled.make({})]
    assert.deepInclude(given(registered, failed, disabled, enabled).state, { fault: null })
    const elsewhere = { api_base_url: "https://api.openai.com/v2" }
    assert.deepStrictEqual(given(registered, failed).when(ChangeBackend.make(elsewhere)), [
      BackendChanged.make({ changes: elsewhere }),
      recovered,
    ])
    assert.deepStrictEqual(
      given(registered, failed, disabled).when(ChangeBackend.make({ ...elsewhere, is_enabled: true })),
      [BackendChanged.make({ changes: elsewhere }), enabled],
    )
  })

  it("a backend goes to another scheme, host or port only with a key for it", () => {
    const { key } = rotate
    for (const [api_base_url, to] of [
      ["https://evil.example/v1", "https://evil.example"],
      ["https://api.openai.com.evil.example/v1", "https://api.openai.com.evil.example"],
      ["https://api.openai.com:8443/v1", "https://api.openai.com:8443"],
      ["http://api.openai.com/v1", "http://api.openai.com"],
      ["https://[::1]:x", "https://[::1]:x"],
    ] as const) {
      const changes = { api_base_url }
      const from = "https://api.openai.com"
      const needed = { _tag: "KeyNeeded", from, to }
      assert.deepStrictEqual(given(registered).when(ChangeBackend.make(changes)), needed)
      // A key that is there already is none for it.
      const sameKey = { key_version: registration.key_version, key_mask: registration.key_mask }
      assert.deepStrictEqual(given(registered).when(ChangeBackend.make({ ...changes, key: sameKey })), needed)
      assert.deepStrictEqual(given(registered).when(ChangeBackend.make({ ...changes, key: key! })), [
        BackendChanged.make({ changes }),
        rotated,
      ])
      // Refused as it is, not as it was: another operator may have been there first.
      const moved = given(registered, BackendChanged.make({ changes }), rotated)
      assert.deepStrictEqual(
        moved.when(ChangeBackend.make({ api_base_url: registration.api_base_url, rpm_limit: 7 })),
        { _tag: "KeyNeeded", from: to, to: from },
      )
    }
    for (const api_base_url of [
      "https://api.openai.com",
      "https://API.openai.com:443/other/v1",
      registration.api_base_url,
    ]) {
      const decision = given(registered).when(ChangeBackend.make({ api_base_url }))
      const isSame = api_base_url === registration.api_base_url
      assert.deepStrictEqual(decision, isSame ? [] : [BackendChanged.make({ changes: { api_base_url } })])
    }
  })

  it("a backend records a change of health, not each report", () => {
    const report = ReportHealth.make({ health: "down", reason: "ECONNREFUSED" })
    const down = HealthChanged.make({ from: "healthy", to: "down", reason: "ECONNREFUSED" })
    assert.deepStrictEqual(given(registered).when(report), [down])
    assert.deepStrictEqual(given(registered, down).when(report), [])
    assert.deepStrictEqual(given(registered).when(ReportHealth.make({ health: "healthy", reason: "" })), [])
  })

  it("a backend refuses everything once it is removed, and before it is there", () => {
    const removed = BackendRemoved.make({})
    assert.deepStrictEqual(given(registered).when(RemoveBackend.make({})), [removed])
    assert.deepStrictEqual(given(registered, removed).state, { _tag: "Removed", id: registration.id })
    assert.deepStrictEqual(given(registered, removed).when(RemoveBackend.make({})), [])
    const gone = { _tag: "BackendNotFound" }
    assert.deepStrictEqual(given().when(RemoveBackend.make({})), gone)
    for (const command of [
      ChangeBackend.make({ name: "New" }),
      rotate,
      limited(0),
      succeeded(0),
      EndCooldown.make({ model: null, now: at(0) }),
      fault("a1"),
      ReportHealth.make({ health: "down", reason: "" }),
    ]) {
      assert.deepStrictEqual(given().when(command), gone, command._tag)
      assert.deepStrictEqual(given(registered, removed).when(command), gone, command._tag)
    }
    assert.deepStrictEqual(given(registered, removed).when(RegisterBackend.make(registration)), {
      _tag: "BackendExists",
      id: registration.id,
    })
  })

  it("a backend has an http or https URL, without a user or a password", () => {
    const isFit = (api_base_url: string) =>
      Schema.is(RegisterBackend)({ _tag: "RegisterBackend", ...registration, api_base_url })
    for (const url of [
      "https://api.openai.com/v1",
      "http://127.0.0.1:8080",
      "http://[::1]:80/v1?version=2",
    ]) {
      assert.isTrue(isFit(url), url)
    }
    for (const url of [
      "",
      "api.openai.com",
      "ftp://a.b/",
      "file:///etc/passwd",
      "https://",
      "https:///v1",
      "https://user:pass@a.b/v1",
      "https://a.b\\@c.d/",
      "https://a.b/v 1",
    ]) {
      assert.isFalse(isFit(url), url)
    }
  })
})
