import { Schema } from "effect"
import { fold } from "../domain/Aggregate.ts"
import { Instant, Seq, Slug, Uuid } from "../domain/Ids.ts"
import { Task, type TaskEvent, TaskKey, type TaskState, TaskStatus } from "../domain/Task.ts"

/** The position, the time and the actor of an event. */
const placed = { seq: Seq, at: Instant, by: Slug }

const Move = Schema.Struct({ ...placed, from: Schema.NullOr(TaskStatus), to: TaskStatus })

const Loss = Schema.Struct({
  ...placed,
  how: Schema.Literals(["rejected", "released", "reassigned", "deleted"]),
  /** The slug of the next holder. */
  to: Schema.NullOr(Slug),
  reason: Schema.NullOr(Schema.String),
})

const Holding = Schema.Struct({
  slug: Slug,
  since: Schema.Struct({ ...placed, how: Schema.Literals(["taken", "assigned"]) }),
  /** The end of the holding; null while it lasts. */
  until: Schema.NullOr(Loss),
})
type Holding = typeof Holding.Type

/** A task that another one names. */
export const Neighbour = Schema.Struct({
  id: Uuid,
  key: TaskKey,
  title: Schema.String,
  status: TaskStatus,
  assignee_slug: Schema.NullOr(Slug),
})
export type Neighbour = typeof Neighbour.Type

/**
 * The reasons why a task is where it is: its moves and holders, oldest first, and the tasks that it waits
 * for. `why` says them in sentences.
 */
export const Explanation = Schema.Struct({
  id: Uuid,
  key: TaskKey,
  title: Schema.String,
  /** The status of the task; null when it is deleted. */
  status: Schema.NullOr(TaskStatus),
  assignee_slug: Schema.NullOr(Slug),
  claim: Schema.NullOr(Seq),
  /** True when a member could take it now: it is there, nobody holds it, and all that it depends on is done. */
  can_be_taken: Schema.Boolean,
  why: Schema.Array(Schema.String),
  waits_for: Schema.Array(Neighbour),
  holders: Schema.Array(Holding),
  moves: Schema.Array(Move),
})
export type Explanation = typeof Explanation.Type

/** An event of the task's history. */
export interface Happening {
  readonly seq: number
  readonly at: string
  readonly actor: string
  readonly event: TaskEvent
}

/** The task as its whole history makes it. */
export const taskAfter = (happenings: ReadonlyArray<Happening>): TaskState =>
  happenings.reduce(
    (state: TaskState, { at, event, seq }) => fold(Task, [event], { seq, at }, state),
    Task.initial,
  )

/**
 * Explains a task from its whole history and the tasks that it depends on, as they are now. Undefined when
 * there never was such a task.
 */
export const explain = (
  happenings: ReadonlyArray<Happening>,
  dependencies: ReadonlyArray<Neighbour>,
): Explanation | undefined => {
  const task = taskAfter(happenings)
  if (task._tag === "Absent") return undefined
  const { id, key } = task
  const open = task._tag === "Open" ? task : undefined
  const depends = new Set(open?.depends_on)
  const waits_for = dependencies.filter((other) => depends.has(other.id) && other.status !== "done")
  const assignee_slug = open?.assignee_slug ?? null
  const told = {
    id,
    key,
    title: open?.title ?? titleIn(happenings),
    status: open?.status ?? null,
    assignee_slug,
    claim: open?.claim ?? null,
    can_be_taken: open !== undefined && assignee_slug === null && waits_for.length === 0,
    waits_for,
    holders: holdersIn(happenings),
    moves: movesIn(happenings),
  }
  return { ...told, why: whyOf(told, happenings) }
}

const titleIn = (happenings: ReadonlyArray<Happening>): string =>
  happenings.reduce((title, { event }) => {
    if (event._tag === "TaskCreated") return event.title
    return event._tag === "TaskChanged" ? (event.changes.title ?? title) : title
  }, "")

const placeOf = ({ actor, at, seq }: Happening) => ({ seq, at, by: actor })

const movesIn = (happenings: ReadonlyArray<Happening>): Explanation["moves"] =>
  happenings.flatMap((happening): Explanation["moves"] => {
    const { event } = happening
    if (event._tag === "TaskCreated") return [{ ...placeOf(happening), from: null, to: event.status }]
    return event._tag === "TaskMoved" ? [{ ...placeOf(happening), from: event.from, to: event.to }] : []
  })

const lossIn = (happening: Happening): Holding["until"] => {
  const { event } = happening
  const place = placeOf(happening)
  switch (event._tag) {
    case "TaskRejected":
      return { ...place, how: "rejected", to: null, reason: event.reason }
    case "TaskReleased":
      return { ...place, how: "released", to: null, reason: null }
    case "TaskAssigned":
      return { ...place, how: "reassigned", to: event.assignee_slug, reason: null }
    case "TaskDeleted":
      return { ...place, how: "deleted", to: null, reason: null }
    default:
      return null
  }
}

const holdersIn = (happenings: ReadonlyArray<Happening>): ReadonlyArray<Holding> => {
  const holders: Array<Holding> = []
  for (const happening of happenings) {
    const { event } = happening
    const until = lossIn(happening)
    const last = holders.at(-1)
    if (until !== null && last?.until === null) holders.splice(-1, 1, { ...last, until })
    if (event._tag !== "TaskTaken" && event._tag !== "TaskAssigned") continue
    const how = event._tag === "TaskTaken" ? "taken" : "assigned"
    holders.push({ slug: event.assignee_slug, since: { ...placeOf(happening), how }, until: null })
  }
  return holders
}

const when = ({ at, seq }: { readonly at: string; readonly seq: number }) =>
  `at ${at.slice(0, 19).replace("T", " ")} UTC (record ${seq})`

const whyOf = (
  { assignee_slug, can_be_taken, holders, key, moves, status, waits_for }: Omit<Explanation, "why">,
  happenings: ReadonlyArray<Happening>,
): ReadonlyArray<string> => {
  const last = happenings.at(-1)
  if (status === null) return last === undefined ? [] : [`${last.actor} deleted ${key} ${when(last)}.`]
  return [
    ...moves.slice(-1).map((move) => whereSentence(key, move)),
    assignee_slug === null ? freeSentence(holders.at(-1)) : heldSentence(holders.at(-1)),
    ...waits_for.map((other) => waitSentence(other, assignee_slug !== null)),
    ...(can_be_taken ? ["Nothing keeps a member from taking it."] : []),
  ]
}

const whereSentence = (key: string, { by, from, to, ...place }: Explanation["moves"][number]): string =>
  from === null
    ? `${key} is ${to} since ${by} created it ${when(place)}.`
    : `${key} is ${to} since ${by} moved it from ${from} ${when(place)}.`

const heldSentence = (holding: Holding | undefined): string => {
  if (holding === undefined) return "Nobody ever held it."
  const { since, slug } = holding
  const self = since.by === slug
  return since.how === "taken"
    ? `${slug} holds it: ${self ? "took it" : `${since.by} took it for ${slug}`} ${when(since)}.`
    : `${slug} holds it: ${self ? "assigned itself" : `${since.by} assigned it`} ${when(since)}.`
}

const freeSentence = (holding: Holding | undefined): string => {
  if (holding === undefined) return "Nobody ever held it."
  const { slug, until } = holding
  if (until === null) return "Nobody holds it."
  const by = until.by === slug ? slug : `${until.by}, for ${slug},`
  return until.how === "rejected"
    ? `Nobody holds it: ${by} gave it back ${when(until)}, with a reason.`
    : `Nobody holds it: ${until.by === slug ? `${slug} let go of it` : `${until.by} took it from ${slug}`} ${when(until)}.`
}

const waitSentence = ({ assignee_slug, key, status }: Neighbour, isHeld: boolean): string =>
  `${isHeld ? "It depends on" : "It waits for"} ${key}, which is ${status} and ` +
  `${assignee_slug === null ? "held by nobody" : `held by ${assignee_slug}`}.`
