import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Uuid } from "./Ids.ts"

/** The tasks that one task waits for. */
export const Dependencies = Schema.Array(Uuid).check(Schema.isMaxLength(100))

/** Dependencies as they are recorded: sorted, each once. */
export const normalised = (depends_on: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(depends_on)].toSorted()

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const PlanEvent = Schema.TaggedUnion({
  DependenciesPlanned: { v: Schema.tag(1), task_id: Uuid, depends_on: Dependencies },
  TaskForgotten: { v: Schema.tag(1), task_id: Uuid },
})
export type PlanEvent = typeof PlanEvent.Type

export const PlanCommand = Schema.TaggedUnion({
  PlanDependencies: { task_id: Uuid, depends_on: Dependencies },
  ForgetTask: { task_id: Uuid },
})
export type PlanCommand = typeof PlanCommand.Type

/** Each task of `cycle` would wait for the next, and the last for the first. */
export class DependencyCycle extends Schema.TaggedError<DependencyCycle>()("DependencyCycle", {
  cycle: Schema.Array(Uuid),
}) {}
export type PlanRefusal = DependencyCycle

// The storage format of snapshots. Tasks that wait for nothing have no entry.
export const PlanState = Schema.TaggedUnion({
  Plan: { edges: Schema.Record(Uuid, Dependencies) },
})
export type PlanState = typeof PlanState.Type
type Edges = PlanState["edges"]

type Decision = Result.Result<ReadonlyArray<PlanEvent>, PlanRefusal>
const nothing: Decision = Result.succeed([])

/** The shortest way from a task along its dependencies back to it, if there is one. Breadth first: chains may be long. */
const cycleThrough = (task_id: string, depends_on: ReadonlyArray<string>, edges: Edges) => {
  const reachedFrom = new Map<string, string>()
  const queue = [task_id]
  for (const current of queue) {
    for (const next of current === task_id ? depends_on : (edges[current] ?? [])) {
      if (next === task_id) return wayTo(current, reachedFrom)
      if (reachedFrom.has(next)) continue
      reachedFrom.set(next, current)
      queue.push(next)
    }
  }
  return undefined
}

const wayTo = (end: string, reachedFrom: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const way = [end]
  for (let before = reachedFrom.get(end); before !== undefined; before = reachedFrom.get(before))
    way.push(before)
  return way.toReversed()
}

const plan = (task_id: string, wanted: ReadonlyArray<string>, edges: Edges): Decision => {
  const depends_on = normalised(wanted)
  if (depends_on.join() === (edges[task_id] ?? []).join()) return nothing
  const cycle = cycleThrough(task_id, depends_on, edges)
  return cycle === undefined
    ? Result.succeed([{ _tag: "DependenciesPlanned", v: 1, task_id, depends_on }])
    : Result.fail(new DependencyCycle({ cycle }))
}

const forget = (task_id: string, edges: Edges): Decision =>
  task_id in edges || Object.values(edges).some((depends_on) => depends_on.includes(task_id))
    ? Result.succeed([{ _tag: "TaskForgotten", v: 1, task_id }])
    : nothing

/** The dependencies between the tasks of one project, without circles. The id is the project's. */
export const Plan: Aggregate<PlanState, PlanCommand, PlanEvent, PlanRefusal> = {
  type: "plan",
  events: PlanEvent,
  state: PlanState,
  initial: { _tag: "Plan", edges: {} },

  evolve: (state, event): PlanState => {
    const { [event.task_id]: _, ...others } = state.edges
    switch (event._tag) {
      case "DependenciesPlanned":
        return event.depends_on.length === 0
          ? { _tag: "Plan", edges: others }
          : { _tag: "Plan", edges: { ...others, [event.task_id]: event.depends_on } }
      case "TaskForgotten": {
        const remaining = Object.entries(others)
          .map(([id, depends_on]) => [id, depends_on.filter((other) => other !== event.task_id)] as const)
          .filter(([, depends_on]) => depends_on.length > 0)
        return { _tag: "Plan", edges: Object.fromEntries(remaining) }
      }
    }
  },

  decide: (command, { edges }) =>
    PlanCommand.match(command, {
      PlanDependencies: ({ task_id, depends_on }) => plan(task_id, depends_on, edges),
      ForgetTask: ({ task_id }) => forget(task_id, edges),
    }),
}
