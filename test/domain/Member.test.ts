import { assert, describe, it } from "@effect/vitest"
import { Member, MemberCommand, MemberEvent } from "../../src/domain/Member.ts"
import { placed, scenario } from "./given.ts"
import { uuids } from "./histories.ts"

const [id = ""] = uuids
const given = scenario(Member)
const { ConfigureMember, RegisterMember, RotateToken } = MemberCommand.cases
const { MemberConfigured, MemberDisabled, MemberEnabled, MemberRegistered, TokenRotated } = MemberEvent.cases

const bob = {
  id,
  slug: "bob",
  type: "agent",
  name: "Bob",
  role: "member",
  capabilities: ["code"],
  chat_listen: "all",
  task_listen: "assigned",
  prompt: null,
  model: null,
  token_hash: "a".repeat(64),
} as const
const registered = MemberRegistered.make(bob)
const disabled = MemberDisabled.make({})
const admin = MemberRegistered.make({ ...bob, slug: "admin", type: "human", role: "admin" })

describe("Member", () => {
  it("a member is registered once, enabled", () => {
    const register = RegisterMember.make(bob)
    assert.deepStrictEqual(given().when(register), [registered])
    assert.deepStrictEqual(given(registered).when(register), { _tag: "MemberExists", slug: "bob" })
    assert.deepStrictEqual(given(registered).state, {
      _tag: "Known",
      ...bob,
      is_enabled: true,
      created_at: placed.at,
      updated_at: placed.at,
    })
  })

  it("a member can't be called what the log calls Crewlog itself", () => {
    const register = RegisterMember.make({ ...bob, slug: "crewlog" })
    assert.deepStrictEqual(given().when(register), { _tag: "MemberExists", slug: "crewlog" })
  })

  it("a member records only the configuration that differs", () => {
    const configure = ConfigureMember.make({ name: "Bob", prompt: "Be kind.", capabilities: ["code"] })
    const configured = MemberConfigured.make({ changes: { prompt: "Be kind." } })
    assert.deepStrictEqual(given(registered).when(configure), [configured])
    assert.deepStrictEqual(given(registered, configured).when(configure), [])
    assert.deepStrictEqual(given(registered, configured).when(ConfigureMember.make({ prompt: null })), [
      MemberConfigured.make({ changes: { prompt: null } }),
    ])
  })

  it("a member is disabled and enabled by its configuration", () => {
    const disable = ConfigureMember.make({ is_enabled: false, name: "Rob" })
    assert.deepStrictEqual(given(registered).when(disable), [
      MemberConfigured.make({ changes: { name: "Rob" } }),
      disabled,
    ])
    assert.deepStrictEqual(given(registered, disabled).when(ConfigureMember.make({ is_enabled: false })), [])
    assert.deepStrictEqual(given(registered, disabled).when(ConfigureMember.make({ is_enabled: true })), [
      MemberEnabled.make({}),
    ])
  })

  it("a member never loses the first admin", () => {
    const refused = { _tag: "LastAdmin", slug: "admin" }
    assert.deepStrictEqual(given(admin).when(ConfigureMember.make({ is_enabled: false })), refused)
    assert.deepStrictEqual(given(admin).when(ConfigureMember.make({ role: "member", name: "A" })), refused)
    assert.deepStrictEqual(given(admin).when(ConfigureMember.make({ role: "admin", name: "A" })), [
      MemberConfigured.make({ changes: { name: "A" } }),
    ])
  })

  it("a member lets other admins go", () => {
    const promoted = MemberConfigured.make({ changes: { role: "admin" } })
    assert.deepStrictEqual(given(registered, promoted).when(ConfigureMember.make({ role: "member" })), [
      MemberConfigured.make({ changes: { role: "member" } }),
    ])
  })

  it("a member gets another token", () => {
    const token_hash = "b".repeat(64)
    const rotated = TokenRotated.make({ token_hash })
    assert.deepStrictEqual(given(registered).when(RotateToken.make({ token_hash })), [rotated])
    assert.deepStrictEqual(given(registered, rotated).when(RotateToken.make({ token_hash })), [])
  })

  it("a member must exist", () => {
    assert.deepStrictEqual(given().when(ConfigureMember.make({})), { _tag: "MemberNotFound" })
    assert.deepStrictEqual(given().when(RotateToken.make({ token_hash: bob.token_hash })), {
      _tag: "MemberNotFound",
    })
  })
})
