import { Effect, Schema } from "effect"
import { projectId, memberId } from "../../commands/identify.ts"
import { type AggregateType, aggregateTypes } from "../../domain/Aggregate.ts"
import type { Subject } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { AggregateId, Slug, Uuid } from "../../domain/Ids.ts"
import { WrongUsage } from "../CommandFailed.ts"

const Types = Schema.Literals(aggregateTypes)
const isType = Schema.is(Types)
const isId = Schema.is(AggregateId)
const isUuid = Schema.is(Uuid)
const isSlug = Schema.is(Slug)

/** Types whose ids derive from a slug. */
const bySlug: Partial<Record<AggregateType, typeof projectId>> = {
  project: projectId,
  plan: projectId,
  member: memberId,
  presence: memberId,
  allowance: memberId,
}

/** The aggregate that `<type>.<id>` says, undefined where it says none. */
const subjectIn = (name: string): Subject | undefined => {
  const [type, id, ...rest] = name.split(".")
  return isType(type) && isId(id) && rest.length === 0 ? { type, id } : undefined
}

/** An aggregate as people name it: `task.<id>`, or `member.ada` and `project.team-board` by their slugs. */
export const aggregateNamed = Effect.fnUntraced(function* (name: string) {
  const digest = yield* Digest
  const subject = subjectIn(name)
  if (subject === undefined) {
    return yield* new WrongUsage({
      message: `${name} is no aggregate. Name one as <type>.<id>, e.g. task.<uuid> or member.<slug>; types are ${Types.literals.join(", ")}.`,
    })
  }
  const { id, type } = subject
  const derive = bySlug[type]
  return {
    type,
    id: derive !== undefined && isSlug(id) && !isUuid(id) ? derive(digest, id) : id,
  } satisfies Subject
})
