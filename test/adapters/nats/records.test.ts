import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseBare, parseRecord } from "../../../src/adapters/nats/records.ts"
import { recordOf } from "../../support/records.ts"

const bytes = new TextEncoder()
const message = (record: object) => ({
  seq: 7,
  subject: "crew.evt.task.one",
  data: bytes.encode(JSON.stringify(record)),
})
const snapshot = { fold: "0123456789abcdef", state: { title: "A", steps: [{ id: "b" }] }, commands: [] }
const events = (event: object) => [{ _tag: "TaskSung", v: 1, ...event }]

describe("records without their snapshots", () => {
  it("commit records without their snapshots are otherwise the same", () => {
    const record = { ...recordOf(3), events: events({ title: 'Ä "quoted"' }) }
    const found = parseBare(message({ ...record, snapshot }))
    assert.deepStrictEqual(found, parseRecord(message(record)))
    assert.deepStrictEqual(parseBare(message(record)), parseRecord(message(record)))
  })

  // Whatever an event holds may look like a snapshot.
  for (const [name, event] of Object.entries({
    "a text": { title: `,"snapshot":${JSON.stringify(snapshot)}` },
    "a field": { first: 1, snapshot },
    "a list": { steps: [{ first: 1, snapshot }] },
  })) {
    it(`commit records without their snapshots keep ${name} of an event that looks like one`, () => {
      const record = { ...recordOf(3), events: events(event) }
      assert.deepStrictEqual(parseBare(message(record)), parseRecord(message(record)))
      const inside = { ...record, snapshot: { ...snapshot, state: { first: 1, ...event } } }
      const { events: kept } = Result.getOrThrow(parseBare(message(inside))).record
      assert.deepStrictEqual<unknown>(kept, record.events)
    })
  }
})

describe("messages that are no records", () => {
  const { hash: _, ...short } = recordOf(3)
  for (const [name, damaged] of Object.entries({
    "cut off": { ...message(recordOf(3)), data: message(recordOf(3)).data.subarray(0, 40) },
    "not UTF-8": { ...message(recordOf(3)), data: Uint8Array.of(0x22, 0xff, 0x22) },
    "short of a field": message({ ...short, snapshot }),
    "under another subject": { ...message(recordOf(3)), subject: "crew.evt.task.one.two" },
  })) {
    it(`a message that is no record is told: ${name}`, () => {
      for (const parse of [parseRecord, parseBare]) {
        const found = parse(damaged)
        assert.isTrue(Result.isFailure(found))
        if (Result.isFailure(found)) assert.strictEqual(found.failure._tag, "LogDamaged")
      }
    })
  }
})
