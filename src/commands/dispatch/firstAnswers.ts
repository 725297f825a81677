import { Effect } from "effect"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { type EventLog, LogDamaged } from "../../domain/EventLog.ts"
import { type Loaded, REMEMBERED } from "../../domain/History.ts"
import { KeyReused } from "../Envelope.ts"
import { isSameRequest } from "../isSameRequest.ts"
import type { Receipts } from "../Receipts.ts"
import type { Given } from "./Given.ts"

type Tagged = { readonly _tag: string }

/** The answers of commands that were accepted before, from their records. */
export const makeFirstAnswers = (log: EventLog["Service"], receipts: Receipts["Service"]) => {
  // Generator functions made here and not for each command: the engine optimises them one by one.

  const answerOf = Effect.fnUntraced(function* <State, Command, Event extends Tagged, Refusal>(
    { envelope, history }: Given<State, Command, Event, Refusal>,
    recorded: Recorded,
  ) {
    if (!isSameRequest(recorded.record.fingerprint, envelope)) return yield* new KeyReused()
    const { state } = yield* history.asOf(recorded)
    const events = yield* history.eventsOf(recorded)
    return { seq: recorded.seq, at: recorded.record.at, state, events, repeated: true, recorded: false }
  })

  /** The answer of the record at a position that is known to be this command's. */
  const at = Effect.fnUntraced(function* <State, Command, Event extends Tagged, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    seq: number,
  ) {
    const { commandId } = given.envelope
    const recorded = yield* log.at(seq)
    if (recorded?.record.command === commandId) return yield* answerOf(given, recorded)
    return yield* new LogDamaged({ seq, reason: `should hold command ${commandId} of ${given.key}` })
  })

  /** The first answer, when this command was accepted at or before what is loaded. */
  const earlier = Effect.fnUntraced(function* <State, Command, Event extends Tagged, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    { remembered }: Loaded<State>,
  ) {
    const { envelope, history, subject } = given
    const known = remembered.find((one) => one.id === envelope.commandId)
    if (known !== undefined) return yield* at(given, known.seq)
    if (remembered.length < REMEMBERED) return undefined
    const receipt = yield* receipts
      .find(subject, envelope.commandId)
      .pipe(Effect.catch(() => Effect.succeed({ seq: undefined, upTo: 0 })))
    if (receipt.seq !== undefined) return yield* at(given, receipt.seq)
    const oldest = remembered[0]?.seq ?? 0
    const recorded = yield* history.search(subject, envelope.commandId, oldest, receipt.upTo)
    return recorded === undefined ? undefined : yield* answerOf(given, recorded)
  })

  /** The answer of this command's record after position `after`, up to what is loaded. */
  const since = Effect.fnUntraced(function* <State, Command, Event extends Tagged, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    { seq }: Loaded<State>,
    after: number,
  ) {
    const { envelope, history, subject } = given
    const recorded = yield* history.search(subject, envelope.commandId, seq, after)
    return recorded === undefined ? undefined : yield* answerOf(given, recorded)
  })

  return { at, earlier, since }
}
export type FirstAnswers = ReturnType<typeof makeFirstAnswers>
