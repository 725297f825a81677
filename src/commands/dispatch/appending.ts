import { DateTime, Effect } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import type { EventLog } from "../../domain/EventLog.ts"
import { type Loaded, remember } from "../../domain/History.ts"
import type { AggregateCache } from "./AggregateCache.ts"
import type { FirstAnswers } from "./firstAnswers.ts"
import type { Given } from "./Given.ts"
import { sealed } from "./sealed.ts"

/** Appends decisions, each guarded by the position that it was based on. */
export const makeAppend = (
  log: EventLog["Service"],
  digest: Digest["Service"],
  cache: AggregateCache,
  firstAnswers: FirstAnswers,
) =>
  Effect.fnUntraced(function* <State, Command, Event extends { readonly _tag: string }, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    loaded: Loaded<State>,
    events: ReadonlyArray<Event>,
  ) {
    const { aggregate, key, subject } = given
    const at = DateTime.formatIso(yield* DateTime.now)
    const { further, record, state: unplaced } = sealed(given, loaded, events, at, digest)
    const appended = yield* log.append({ subject, guard: loaded.seq, record })
    if (appended.duplicate) {
      cache.forget(key)
      return yield* firstAnswers.at(given, appended.seq)
    }
    const { seq } = appended
    const state = aggregate.locate === undefined ? unplaced : aggregate.locate(unplaced, seq)
    const { command: id, fingerprint, hash } = record
    cache.keep(key, {
      state,
      seq,
      version: events.length === 0 ? loaded.version : seq,
      hash,
      remembered: remember(loaded.remembered, { id, fingerprint, seq }),
      ...further,
    })
    return { seq, at, state, events, repeated: false, recorded: true }
  })
export type AppendDecision = ReturnType<typeof makeAppend>
