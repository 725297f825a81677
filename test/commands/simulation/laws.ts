import { type Deed, free, keyOfHolding, onHolding } from "../../../chaos/holding.ts"
import { judge } from "../../../chaos/linearizable.ts"
import { fold } from "../../../src/domain/Aggregate.ts"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { isChosen } from "../../../src/domain/Ids.ts"
import { Plan, type PlanEvent, type PlanState } from "../../../src/domain/Plan.ts"
import { Task, type TaskEvent, type TaskState } from "../../../src/domain/Task.ts"
import type { Call } from "./Client.ts"

const keyOf = ({ subject: { id, type } }: Recorded) => `${type}.${id}`

/** The operation on who holds a task that a call was, as far as its client knows. */
const deedOf = ({ by: { slug: by }, told, wish }: Call): Deed | undefined => {
  const kind = wish.name === "take" || wish.name === "reject" ? wish.name : undefined
  if (told.kind === "open") return kind && { kind, by, answer: "unknown" }
  if (told.kind === "accepted") {
    const { claim } = told.outcome.state as { readonly claim: number }
    if (wish.name === "take") return { kind: "take", by, answer: "taken", claim }
    if (wish.name === "reject") return { kind: "reject", by, answer: "released" }
    return wish.name === "change"
      ? { kind: "change", by, with: Number(wish.body["claim"]), answer: "changed" }
      : undefined
  }
  if (told.kind === "not done") return undefined
  const refusal = told.refusal as {
    readonly _tag: string
    readonly holder: string
    readonly claim: number | null
  }
  switch (refusal._tag) {
    case "TaskAlreadyTaken":
      return kind === "take" ? { kind, by, answer: "held", holder: refusal.holder } : undefined
    case "NotHolder":
      return { kind: "reject", by, answer: "not holder", holder: refusal.holder }
    case "StaleClaim":
      return { kind: "change", by, with: Number(wish.body["claim"]), answer: "stale", claim: refusal.claim }
    default:
      return undefined
  }
}

/** Each contested task's calls have one order that explains every answer. */
export const linearizable = (calls: ReadonlyArray<Call>, contested: ReadonlyArray<string>) =>
  contested.flatMap((id) => {
    const operations = calls
      .filter(({ wish }) => wish.body["id"] === id)
      .flatMap((call) => {
        const deed = deedOf(call)
        return deed === undefined ? [] : [onHolding(deed, call.start, call.end)]
      })
    const verdict = judge(operations, free, keyOfHolding)
    return verdict === "possible"
      ? []
      : [`what was told of task ${id} is ${verdict} (${operations.length} calls)`]
  })

/** No command is on the log twice for one aggregate. */
export const onceEach = (records: ReadonlyArray<Recorded>) => {
  const seen = new Set<string>()
  return records.flatMap((recorded) => {
    const key = `${keyOf(recorded)} ${recorded.record.command}`
    if (!seen.has(key)) {
      seen.add(key)
      return []
    }
    return [`command ${recorded.record.command} is twice on ${keyOf(recorded)}`]
  })
}

/** Accepted is on the log where the answer said, refused is not there. */
export const acknowledged = (calls: ReadonlyArray<Call>, records: ReadonlyArray<Recorded>) => {
  const commands = new Map<string, Set<string>>()
  for (const { record, subject } of records) {
    const types = commands.get(record.command) ?? new Set()
    commands.set(record.command, types.add(subject.type))
  }
  return calls.flatMap(({ envelope: { commandId }, told, wish }) => {
    if (told.kind === "accepted") {
      const { events, seq } = told.outcome
      const isDue = isChosen(commandId) || events.length > 0
      return !isDue || records[seq - 1]?.record.command === commandId
        ? []
        : [
            `${wish.name} of ${commandId} was answered with ${seq}, where ${records[seq - 1]?.record.command} is`,
          ]
    }
    const isDenied = told.kind === "not done" || (told.kind === "refused" && !told.wasOpen)
    const isDone = isDenied && commands.get(commandId)?.has(wish.aggregate) === true
    // A member's key may be reserved with the one who gave it, and the registration refused after all.
    return isDone && wish.aggregate !== "member"
      ? [`${wish.name} of ${commandId} was ${told.kind}, and is on the log`]
      : []
  })
}

/** No number and no key is a second task's. */
export const numberedOnce = (records: ReadonlyArray<Recorded>) => {
  const created = records.flatMap(({ record }) => record.events).filter(({ _tag }) => _tag === "TaskCreated")
  const names = created.map(
    ({ key, number, project_id }) => `${String(project_id)} ${String(number)} ${String(key)}`,
  )
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `two tasks are ${name}`)
}

const statesOf = (records: ReadonlyArray<Recorded>) => {
  const tasks = new Map<string, TaskState>()
  const plans = new Map<string, PlanState>()
  for (const { record, seq, subject } of records) {
    const placed = { seq, at: record.at }
    if (subject.type === "task") {
      const events = record.events as unknown as ReadonlyArray<TaskEvent>
      tasks.set(subject.id, fold(Task, events, placed, tasks.get(subject.id)))
    }
    if (subject.type === "plan") {
      const events = record.events as unknown as ReadonlyArray<PlanEvent>
      plans.set(subject.id, fold(Plan, events, placed, plans.get(subject.id)))
    }
  }
  return { plans, tasks }
}

/**
 * The plan says of every open task what the task says, but for deleted ones; and nothing of tasks that never were.
 * Not of tasks where somebody never heard what became of a change: who dies between telling the task and comparing
 * it with the plan, while another changes the same task, and never repeats it, may leave the two apart.
 */
export const planned = (records: ReadonlyArray<Recorded>, calls: ReadonlyArray<Call>) => {
  const { plans, tasks } = statesOf(records)
  const unheard = new Set(
    calls.flatMap(({ told, wish }) =>
      wish.name === "replan" && told.kind === "open" ? [wish.body["id"]] : [],
    ),
  )
  const isThere = (id: string) => tasks.get(id)?._tag === "Open"
  const open = [...tasks.values()].filter((task) => task._tag === "Open")
  const differing = open.flatMap(({ depends_on, id, project_id }) => {
    if (unheard.has(id)) return []
    const edges = plans.get(project_id)?.edges[id] ?? []
    const [plan, task] = [edges.filter(isThere).join(), depends_on.filter(isThere).join()]
    return plan === task ? [] : [`task ${id} waits for ${task}, and the plan says ${plan}`]
  })
  const strange = [...plans.values()].flatMap(({ edges }) =>
    Object.keys(edges).filter((id) => tasks.get(id) === undefined),
  )
  return [...differing, ...strange.map((id) => `the plan knows ${id}, which never came to be`)]
}
