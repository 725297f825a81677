import { Effect, Option, Schema, Stream } from "effect"
import { EventLog } from "../../domain/EventLog.ts"
import { Uuid } from "../../domain/Ids.ts"
import { TaskKey } from "../../domain/Task.ts"
import { CommandFailed, WrongUsage } from "../CommandFailed.ts"
import { backThrough } from "./recordsOf.ts"

const isUuid = Schema.is(Uuid)
const isKey = Schema.is(TaskKey)

/** The project that has a key prefix. */
const projectOf = Effect.fnUntraced(function* (prefix: string) {
  const claimed = yield* (yield* EventLog).last({ type: "prefix", id: prefix })
  return claimed?.record.events.map(({ project_id }) => project_id).find(isUuid)
})

/** The task that a project gave a number to. */
const numbered = Effect.fnUntraced(function* (project: string, number: number) {
  const reserved = yield* backThrough({ type: "project", id: project }).pipe(
    Stream.flatMap(({ record }) => Stream.fromIterable(record.events)),
    Stream.filter((event) => event._tag === "TaskNumberReserved" && event["number"] === number),
    Stream.runHead,
  )
  return Option.getOrUndefined(reserved)?.["task_id"]
})

/** The id of a task as people name it: by its id, `task.<id>`, or its key, from the log alone. */
export const taskNamed = Effect.fnUntraced(function* (name: string) {
  const key = name.replace(/^task\./, "")
  const id: string = key
  if (isUuid(id)) return id
  if (!isKey(key)) {
    return yield* new WrongUsage({ message: `${name} is no task. Name its key, e.g. TE-1, or its id.` })
  }
  const dash = key.lastIndexOf("-")
  const project = yield* projectOf(key.slice(0, dash))
  const task = project === undefined ? undefined : yield* numbered(project, Number(key.slice(dash + 1)))
  if (isUuid(task)) return task
  return yield* new CommandFailed({ message: `the log knows no task ${name}` })
})
