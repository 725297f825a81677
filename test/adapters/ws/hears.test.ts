import { assert, describe, it } from "@effect/vitest"
import { hears } from "../../../src/operations/hears.ts"
import { member, said } from "./harness.ts"
import type { Frame } from "../../../src/projections/ReadModel.ts"

const listens = ["all", "mentions", "none"] as const
const tasks = ["all", "assigned", "none"] as const

const message = (author: string, author_type: string, mentions: ReadonlyArray<string>) =>
  said(1, null, { audience: { author, author_type, mentions } })
const task = (
  kind: Frame["kind"],
  assignee: string | null,
  reviewer: string | null,
  watchers: ReadonlyArray<string>,
) => said(1, null, { kind, audience: { assignee, reviewer, watchers } } as Partial<Frame>)
const status = (slug: string) =>
  said(1, null, { kind: "agent.status", audience: {}, payload: { slug, status: "busy" } })

describe("what a member hears of messages", () => {
  for (const chat_listen of listens) {
    for (const type of ["agent", "human"] as const) {
      for (const author of ["ada", "bob"]) {
        for (const mentions of [[], ["bob"], ["ada"], ["bob", "ada"]]) {
          const isOwn = author === "ada" && type === "agent"
          const isMeant = chat_listen === "all" || (chat_listen === "mentions" && mentions.includes("ada"))
          const expected = isMeant && !isOwn
          it(`${type} ada, ${chat_listen}, by ${author}, mentions ${mentions.join(" and ") || "nobody"}: ${expected}`, () => {
            const ada = member("ada", { type, chat_listen, task_listen: "none" })
            assert.strictEqual(hears(ada, message(author, type, mentions)), expected)
          })
        }
      }
    }
  }
})

describe("what a member hears of tasks", () => {
  for (const kind of ["task.created", "task.updated", "task.assigned", "task.deleted"] as const) {
    for (const task_listen of tasks) {
      for (const assignee of [null, "ada", "bob"]) {
        for (const reviewer of [null, "ada", "bob"]) {
          for (const watchers of [[], ["bob"], ["bob", "ada"]]) {
            const isHers = assignee === "ada" || reviewer === "ada" || watchers.includes("ada")
            const expected = task_listen === "all" || (task_listen === "assigned" && isHers)
            it(`${kind}, ${task_listen}, ${assignee}, ${reviewer}, ${watchers.join()}: ${expected}`, () => {
              const ada = member("ada", { task_listen, chat_listen: "none" })
              assert.strictEqual(hears(ada, task(kind, assignee, reviewer, watchers)), expected)
            })
          }
        }
      }
    }
  }
})

describe("what a member hears of others' status", () => {
  for (const [slug, expected] of [
    ["bob", true],
    ["ada", false],
  ] as const) {
    it(`${slug}: ${expected}, whatever it listens to`, () => {
      const deaf = member("ada", { chat_listen: "none", task_listen: "none" })
      assert.strictEqual(hears(deaf, status(slug)), expected)
    })
  }
})
