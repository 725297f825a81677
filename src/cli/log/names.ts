import { Effect } from "effect"
import { lobbyId } from "../../commands/firstStart.ts"
import { Chat } from "../../domain/Chat.ts"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { historian } from "../../domain/History.ts"
import { Member } from "../../domain/Member.ts"
import { Project } from "../../domain/Project.ts"
import { Task } from "../../domain/Task.ts"

/** An aggregate as people call it. */
export interface Named {
  /** A name that every command takes: a task's key, or the type with a slug or an id. */
  readonly name: string
  /** A task's title after the record, or that of the task a chat belongs to. */
  readonly title?: string
}

const titled = new Set(["TaskCreated", "TaskChanged"])

/** The names of what records are about, from the log alone; each aggregate is looked at once. */
export const namer = Effect.gen(function* () {
  const log = yield* EventLog
  const digest = yield* Digest
  const lobby = lobbyId(digest)
  const known = new Map<string, Named>()
  const tasks = historian(Task, log, digest)
  const projects = historian(Project, log, digest)

  const ofTask = (state: typeof Task.initial, prefix = ""): Named | undefined => {
    if (state._tag === "Absent") return undefined
    return { name: `${prefix}${state.key}`, ...(state._tag === "Open" ? { title: state.title } : {}) }
  }
  const projectSlug = Effect.fnUntraced(function* (id: string) {
    const { state } = yield* projects.load({ type: "project", id })
    return state._tag === "Known" ? state.slug : undefined
  })
  const memberSlug = Effect.fnUntraced(function* (id: string) {
    const { state } = yield* historian(Member, log, digest).load({ type: "member", id })
    return state._tag === "Known" ? state.slug : undefined
  })
  const ofChat = Effect.fnUntraced(function* (id: string) {
    if (id === lobby) return { name: "chat.lobby" }
    const { state } = yield* historian(Chat, log, digest).load({ type: "chat", id })
    if (state._tag === "Absent") return undefined
    if (state.task_id !== null) {
      return ofTask((yield* tasks.load({ type: "task", id: state.task_id })).state, "chat.")
    }
    const slug = state.project_id === null ? undefined : yield* projectSlug(state.project_id)
    return slug === undefined ? undefined : { name: `chat.${slug}` }
  })
  const bySlug = (type: string, slug: string | undefined) =>
    slug === undefined ? undefined : { name: `${type}.${slug}` }

  const find = Effect.fnUntraced(function* (recorded: Recorded) {
    const { id, type } = recorded.subject
    if (type === "task") return ofTask((yield* tasks.asOf(recorded)).state)
    if (type === "chat") return yield* ofChat(id)
    if (type === "project" || type === "plan" || type === "tree") return bySlug(type, yield* projectSlug(id))
    if (type === "member" || type === "presence" || type === "allowance")
      return bySlug(type, yield* memberSlug(id))
    return undefined
  })

  /** The name of what a record is about; its type and id where the log does not say more, or can't be read. */
  return Effect.fnUntraced(function* (recorded: Recorded<string>) {
    const { record, subject } = recorded
    const key = `${subject.type}.${subject.id}`
    const before = known.get(key)
    if (before !== undefined && !record.events.some(({ _tag }) => titled.has(_tag))) return before
    const found = yield* find(recorded as Recorded).pipe(
      Effect.catchTags({
        LogDamaged: () => Effect.undefined,
        NewerRecord: () => Effect.undefined,
      }),
    )
    const named: Named = found ?? { name: key }
    known.set(key, named)
    return named
  })
})
