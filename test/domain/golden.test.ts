import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Allowance, AllowanceEvent } from "../../src/domain/Allowance.ts"
import { Backend, BackendEvent } from "../../src/domain/Backend.ts"
import { Chat, ChatEvent } from "../../src/domain/Chat.ts"
import { Gateway, GatewayEvent } from "../../src/domain/Gateway.ts"
import { Member, MemberEvent } from "../../src/domain/Member.ts"
import { Plan, PlanEvent } from "../../src/domain/Plan.ts"
import { Prefix, PrefixEvent } from "../../src/domain/Prefix.ts"
import { Presence, PresenceEvent } from "../../src/domain/Presence.ts"
import { Project, ProjectEvent } from "../../src/domain/Project.ts"
import { Task, TaskEvent } from "../../src/domain/Task.ts"
import { Tree, TreeEvent } from "../../src/domain/Tree.ts"

// One file for every version of every event that was ever stored: `stored` is what stands on the
// log, `decoded` what it means now. `stored` never changes; a new version gets a new file.
const folder = join(import.meta.dirname, "golden")
const files = new Set(readdirSync(folder))
const Golden = Schema.fromJsonString(Schema.Struct({ stored: Schema.JsonObject, decoded: Schema.JsonObject }))
const read = (file: string) => Schema.decodeSync(Golden)(readFileSync(join(folder, file), "utf8"))

interface Case {
  readonly fields: { readonly v: { readonly schema: { readonly literal: number } } }
}
const aggregates: ReadonlyArray<{
  readonly events: Schema.Codec<{ readonly _tag: string }, unknown>
  readonly cases: Record<string, Case>
}> = [
  { events: Project.events, cases: ProjectEvent.cases },
  { events: Prefix.events, cases: PrefixEvent.cases },
  { events: Plan.events, cases: PlanEvent.cases },
  { events: Task.events, cases: TaskEvent.cases },
  { events: Member.events, cases: MemberEvent.cases },
  { events: Presence.events, cases: PresenceEvent.cases },
  { events: Chat.events, cases: ChatEvent.cases },
  { events: Backend.events, cases: BackendEvent.cases },
  { events: Gateway.events, cases: GatewayEvent.cases },
  { events: Tree.events, cases: TreeEvent.cases },
  { events: Allowance.events, cases: AllowanceEvent.cases },
]
const known = aggregates.flatMap(({ events, cases }) =>
  Object.entries(cases).map(([tag, { fields }]) => ({
    tag,
    events,
    fields,
    newest: fields.v.schema.literal,
  })),
)
const fileOf = (tag: string, version: number) => `${tag}.v${version}.json`
const versionsOf = (newest: number) => Array.from({ length: newest }, (_, index) => index + 1)

describe("golden events", () => {
  for (const { tag, events, fields, newest } of known) {
    const decode = Schema.decodeUnknownSync(events, { onExcessProperty: "error" })

    for (const version of versionsOf(newest)) {
      it(`${tag} v${version} means what it meant`, () => {
        const { stored, decoded } = read(fileOf(tag, version))
        assert.strictEqual(stored["_tag"], tag)
        assert.strictEqual(stored["v"], version)
        assert.deepStrictEqual<unknown>(decode(stored), decoded)
      })
    }

    it(`${tag} is stored as its newest version, and the golden one shows every field`, () => {
      const { stored, decoded } = read(fileOf(tag, newest))
      assert.deepStrictEqual<unknown>(Schema.encodeSync(events)(decode(stored)), stored)
      assert.sameMembers(Object.keys(decoded), Object.keys(fields))
    })
  }

  it("no file stands for an event that is no more", () => {
    const expected = known.flatMap(({ tag, newest }) =>
      versionsOf(newest).map((version) => fileOf(tag, version)),
    )
    assert.sameMembers([...files], expected)
  })

  it("no two aggregates have an event of the same name", () => {
    assert.strictEqual(new Set(known.map(({ tag }) => tag)).size, known.length)
  })

  it("every field of a change is shown", () => {
    const changes = {
      ProjectChanged: ProjectEvent.cases.ProjectChanged,
      TaskChanged: TaskEvent.cases.TaskChanged,
      TaskStepChanged: TaskEvent.cases.TaskStepChanged,
      MemberConfigured: MemberEvent.cases.MemberConfigured,
      BackendChanged: BackendEvent.cases.BackendChanged,
    }
    for (const [tag, { fields }] of Object.entries(changes)) {
      const shown = read(fileOf(tag, fields.v.schema.literal)).stored["changes"]
      assert.sameMembers(Object.keys(shown ?? {}), Object.keys(fields.changes.fields), tag)
    }
  })
})
