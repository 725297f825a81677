import { Effect, Schema } from "effect"
import { lobbyId } from "../../commands/firstStart.ts"
import { memberId, projectChatId, projectId } from "../../commands/identify.ts"
import { type AggregateType, aggregateTypes } from "../../domain/Aggregate.ts"
import type { Subject } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { AggregateId, Slug, Uuid } from "../../domain/Ids.ts"
import { TaskKey } from "../../domain/Task.ts"
import { WrongUsage } from "../CommandFailed.ts"
import { taskNamed } from "./taskNamed.ts"

const Types = Schema.Literals(aggregateTypes)
const isType = Schema.is(Types)
const isId = Schema.is(AggregateId)
const isUuid = Schema.is(Uuid)
const isSlug = Schema.is(Slug)
const isKey = Schema.is(TaskKey)

/** Types whose ids derive from a slug. */
const bySlug: Partial<Record<AggregateType, typeof projectId>> = {
  project: projectId,
  plan: projectId,
  tree: projectId,
  member: memberId,
  presence: memberId,
  allowance: memberId,
  chat: (digest, slug) => (slug === "lobby" ? lobbyId(digest) : projectChatId(digest, slug)),
}

/** Types whose aggregates may be named by a task's key: a task, and the chat of its comments. */
const byKey: ReadonlySet<AggregateType> = new Set<AggregateType>(["task", "chat"])

/** The aggregate that `<type>.<id>` says, undefined where it says none. */
const subjectIn = (name: string): Subject | undefined => {
  const [type, id, ...rest] = name.split(".")
  return isType(type) && isId(id) && rest.length === 0 ? { type, id } : undefined
}

/** The aggregate with a bare id, as records have it: of the first type that the log knows with it. */
const withId = Effect.fnUntraced(function* (id: string) {
  if (!isId(id)) return undefined
  const log = yield* EventLog
  for (const type of aggregateTypes) {
    if ((yield* log.last({ type, id })) !== undefined) return { type, id } satisfies Subject
  }
  return undefined
})

/** An aggregate as people name it: `TE-1`, `task.<id>`, `chat.TE-1`, or `member.ada` and `project.team-board` by their slugs. */
export const aggregateNamed = Effect.fnUntraced(function* (name: string) {
  const digest = yield* Digest
  if (isKey(name)) return { type: "task", id: yield* taskNamed(name) } satisfies Subject
  const subject = subjectIn(name) ?? (yield* withId(name))
  if (subject === undefined) {
    return yield* new WrongUsage({
      message: `${name} is no aggregate. Name one as <type>.<id>, e.g. task.<uuid> or member.<slug>, or a task by its key; types are ${Types.literals.join(", ")}.`,
    })
  }
  const { id, type } = subject
  if (byKey.has(type) && isKey(id)) return { type, id: yield* taskNamed(id) } satisfies Subject
  const derive = bySlug[type]
  return {
    type,
    id: derive !== undefined && isSlug(id) && !isUuid(id) ? derive(digest, id) : id,
  } satisfies Subject
})
