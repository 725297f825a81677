import { assert, describe, it } from "@effect/vitest"
import { Presence, PresenceCommand, PresenceEvent, statusOf } from "../../src/domain/Presence.ts"
import { placed, scenario } from "./given.ts"

const given = scenario(Presence)
const { MarkOffline, ReportPresence } = PresenceCommand.cases
const { PresenceChanged } = PresenceEvent.cases
const slug = "bob"
const online = PresenceChanged.make({ slug, from: "offline", to: "online", last_seen: null })
const last_seen = "2026-03-01T10:30:20.000Z"
const offline = PresenceChanged.make({ slug, from: "online", to: "offline", last_seen })

describe("Presence", () => {
  it("a presence is offline before the first report", () =>
    assert.strictEqual(statusOf(given().state), "offline"))

  it("a presence records a change of status, not each report", () => {
    const report = ReportPresence.make({ slug, status: "online" })
    assert.deepStrictEqual(given().when(report), [online])
    assert.deepStrictEqual(given(online).when(report), [])
    assert.deepStrictEqual(given(online).when(ReportPresence.make({ slug, status: "busy" })), [
      PresenceChanged.make({ slug, from: "online", to: "busy", last_seen: null }),
    ])
    assert.deepStrictEqual(given(online, offline).when(report), [online])
  })

  it("a presence goes offline once", () => {
    const mark = MarkOffline.make({ slug, last_seen })
    assert.deepStrictEqual(given(online).when(mark), [offline])
    assert.deepStrictEqual(given(online, offline).when(mark), [])
    assert.deepStrictEqual(given().when(mark), [])
    assert.deepStrictEqual(given(online, offline).state, {
      _tag: "Seen",
      slug,
      status: "offline",
      last_seen,
      updated_at: placed.at,
    })
  })

  it("a presence does not go offline on the word of a sweeper that looked too early", () => {
    const mark = (seen_after: string) => MarkOffline.make({ slug, last_seen: null, seen_after })
    assert.deepStrictEqual(given(online).when(mark("2026-03-01T10:29:59.999Z")), [])
    assert.deepStrictEqual(given(online).when(mark(placed.at)), [{ ...offline, last_seen: null }])
  })
})
