import { Result, Schema } from "effect"
import { type Aggregate, fold, type Placed } from "../../../src/domain/Aggregate.ts"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { Instant, Seq } from "../../../src/domain/Ids.ts"
import { owes, owesNot } from "../../../src/projections/Owed.ts"
import type { Change } from "../../../src/projections/Writes.ts"

export const DELIVERY = "delivery"

const DeliveryEvent = Schema.TaggedUnion({
  DeliveryRequested: { v: Schema.tag(1), to: Schema.String, text: Schema.String },
  DeliveryPostponed: { v: Schema.tag(1), until: Instant },
  Delivered: { v: Schema.tag(1), receipt: Schema.String },
  DeliveryFailed: { v: Schema.tag(1), why: Schema.String },
})
type DeliveryEvent = typeof DeliveryEvent.Type

export const DeliveryCommand = Schema.TaggedUnion({
  RequestDelivery: { to: Schema.String, text: Schema.String },
  PostponeDelivery: { attempt: Schema.Int, until: Instant },
  RecordDelivered: { receipt: Schema.String },
  FailDelivery: { attempt: Schema.Int, why: Schema.String },
})
type DeliveryCommand = typeof DeliveryCommand.Type

const DeliveryState = Schema.TaggedUnion({
  Absent: {},
  Waiting: {
    to: Schema.String,
    text: Schema.String,
    due: Instant,
    attempt: Schema.Int,
    /** The position of the request. */
    since: Seq,
  },
  Delivered: { receipt: Schema.String },
  Failed: { why: Schema.String },
})
export type DeliveryState = typeof DeliveryState.Type

type Decision = Result.Result<ReadonlyArray<DeliveryEvent>, never>
const nothing: Decision = Result.succeed([])
const only = (event: DeliveryEvent): Decision => Result.succeed([event])

const evolve = (state: DeliveryState, event: DeliveryEvent, { at, seq }: Placed): DeliveryState => {
  if (event._tag === "DeliveryRequested") {
    return { _tag: "Waiting", to: event.to, text: event.text, due: at, attempt: 1, since: seq }
  }
  if (state._tag !== "Waiting") return state
  switch (event._tag) {
    case "DeliveryPostponed":
      return { ...state, due: event.until, attempt: state.attempt + 1 }
    case "Delivered":
      return { _tag: "Delivered", receipt: event.receipt }
    case "DeliveryFailed":
      return { _tag: "Failed", why: event.why }
  }
}

const decide = (command: DeliveryCommand, state: DeliveryState): Decision => {
  if (command._tag === "RequestDelivery") {
    const { text, to } = command
    return state._tag === "Absent" ? only({ _tag: "DeliveryRequested", v: 1, to, text }) : nothing
  }
  if (state._tag !== "Waiting") return nothing
  if (command._tag === "RecordDelivered") return only({ _tag: "Delivered", v: 1, receipt: command.receipt })
  if (command.attempt !== state.attempt) return nothing
  return command._tag === "PostponeDelivery"
    ? only({ _tag: "DeliveryPostponed", v: 1, until: command.until })
    : only({ _tag: "DeliveryFailed", v: 1, why: command.why })
}

/** A text that is owed to somebody outside: an aggregate of tests, under a type that the log knows. */
export const Delivery: Aggregate<DeliveryState, DeliveryCommand, DeliveryEvent, never> = {
  type: "prefix",
  events: DeliveryEvent,
  state: DeliveryState,
  initial: { _tag: "Absent" },
  evolve,
  decide,
  locate: (state, seq) => (state._tag === "Waiting" && state.since === 0 ? { ...state, since: seq } : state),
}

/** Takes one record of the log into the states of all deliveries; gives the one that it is about. */
export const follow = (
  states: Map<string, DeliveryState>,
  { record, seq, subject }: Recorded,
): DeliveryState => {
  // Of its one version, as tests have just stored them.
  const events = record.events as unknown as ReadonlyArray<DeliveryEvent>
  const after = fold(Delivery, events, { seq, at: record.at }, states.get(subject.id) ?? Delivery.initial)
  states.set(subject.id, after)
  return after
}

/** The row of a delivery, as projections/Owed.ts makes those of the program. */
export const owedOfDelivery = (id: string, state: DeliveryState): Change => {
  if (state._tag !== "Waiting") return owesNot(DELIVERY, id)
  const { attempt, due, since: seq, to: target } = state
  return owes({ kind: DELIVERY, id, due, attempt, seq, target })
}
