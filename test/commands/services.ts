import { Effect, Layer } from "effect"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import type { Envelope } from "../../src/commands/Envelope.ts"
import { Members } from "../../src/commands/Members.ts"
import { Projects } from "../../src/commands/Projects.ts"
import { Tasks } from "../../src/commands/Tasks.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import type { Recorded } from "../../src/domain/CommitRecord.ts"
import type { TaskState } from "../../src/domain/Task.ts"
import type { Projected } from "../../src/projections/Projected.ts"
import type { ReadModel } from "../../src/projections/ReadModel.ts"
import { Commands, NoReadModel, settingsWith } from "../adapters/http/door.ts"
import { ada, envelope } from "../support/commands.ts"

/** Every command service on a log in memory, without a read model. */
export const services = (
  env: Record<string, string> = {},
  tables: Layer.Layer<ReadModel | Projected> = NoReadModel,
) =>
  Commands.pipe(
    Layer.provideMerge(tables),
    Layer.provideMerge(settingsWith(env)),
    Layer.provideMerge(MemoryLog),
  )

let keys = 0
/** An envelope of the admin's with a key of its own, unless one is given. */
export const by = (over: Partial<Envelope> = {}): Envelope => {
  keys += 1
  const actor = over.actor ?? ada
  return envelope(`${actor.slug}:key-${keys}`, { actor, ...over })
}

export const records = Effect.gen(function* () {
  const log = yield* EventLog
  const { last } = yield* log.head
  const all = yield* Effect.forEach(
    Array.from({ length: last }, (_, index) => index + 1),
    log.at,
  )
  return all.filter((one): one is Recorded => one !== undefined)
})

/** The records so far, as `type: Event, Event`. */
export const story = Effect.map(records, (all) =>
  all.map(({ record, subject }) => `${subject.type}: ${record.events.map(({ _tag }) => _tag).join(", ")}`),
)

export const project = Effect.fnUntraced(function* (slug = "team-board") {
  return yield* (yield* Projects).create({ name: slug, slug }, by())
})

export const member = Effect.fnUntraced(function* (slug: string) {
  yield* (yield* Members).register({ name: slug, slug, type: "agent" }, by())
})

/** A new task's id. */
export const task = Effect.fnUntraced(function* (
  more: Partial<Parameters<Tasks["Service"]["create"]>[1]> = {},
) {
  const { state } = yield* (yield* Tasks).create("team-board", { title: "Ship it", ...more }, by())
  return open(state).id
})

export const open = (state: TaskState) => {
  if (state._tag !== "Open") throw new Error(`the task is ${state._tag}`)
  return state
}
