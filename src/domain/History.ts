import { Effect, Option, Schema } from "effect"
import { type Aggregate, fold, sourceOf } from "./Aggregate.ts"
import type { Recorded, Remembered, Subject } from "./CommitRecord.ts"
import type { Digest } from "./Digest.ts"
import { type EventLog, LogDamaged } from "./EventLog.ts"
import { isChosen } from "./Ids.ts"
import { unreadableBy } from "./newer.ts"

/** How many command ids an aggregate remembers by itself; older ones are found through `Receipts`. */
export const REMEMBERED = 32

/** An aggregate as of one of its records. `seq` 0 means that it does not exist. */
export interface Loaded<State> {
  readonly state: State
  readonly seq: number
  readonly hash: string
  /** The newest client-chosen command ids, oldest first. Fewer than 32: these are all there ever were. */
  readonly remembered: ReadonlyArray<Remembered>
  /** Records since the newest snapshot, that one not counted. */
  readonly sinceSnapshot: number
}

export const remember = (
  remembered: ReadonlyArray<Remembered>,
  next: Remembered,
): ReadonlyArray<Remembered> => (isChosen(next.id) ? [...remembered, next].slice(-REMEMBERED) : remembered)

/** Tells folds apart: snapshots made by another `evolve` are not used. */
export const foldHash = (
  digest: Digest["Service"],
  aggregate: { readonly type: string; readonly initial: unknown; readonly evolve: unknown },
): string =>
  digest
    .sha256(`${aggregate.type}\n${JSON.stringify(aggregate.initial)}\n${sourceOf(aggregate.evolve)}`)
    .slice(0, 16)

/**
 * Reads one aggregate's past: from a record back over `prev`, each by its own sequence, to the
 * nearest usable snapshot (at most 16 records away while states are ordinary), then forward.
 */
export const historian = <State, Command, Event extends { readonly _tag: string }, Refusal>(
  aggregate: Aggregate<State, Command, Event, Refusal>,
  log: EventLog["Service"],
  digest: Digest["Service"],
) => {
  const hash = foldHash(digest, aggregate)
  const unreadable = unreadableBy(aggregate, log, digest)
  const decodeEvents = Schema.decodeUnknownEffect(Schema.Array(aggregate.events))
  const decodeState = Schema.decodeUnknownOption(aggregate.state)

  const nothing: Loaded<State> = {
    state: aggregate.initial,
    seq: 0,
    hash: "",
    remembered: [],
    sinceSnapshot: 0,
  }

  const eventsOf = (recorded: Recorded) =>
    decodeEvents(recorded.record.events).pipe(Effect.catch(({ message }) => unreadable(recorded, message)))

  const snapshotOf = ({ record, seq }: Recorded): Loaded<State> | undefined => {
    if (record.snapshot === undefined || record.snapshot.fold !== hash) return undefined
    const state = Option.getOrUndefined(decodeState(record.snapshot.state))
    if (state === undefined) return undefined
    return {
      state: aggregate.locate === undefined ? state : aggregate.locate(state, seq),
      seq,
      hash: record.hash,
      remembered: remember(record.snapshot.commands, {
        id: record.command,
        fingerprint: record.fingerprint,
        seq,
      }),
      sinceSnapshot: 0,
    }
  }

  const previous = Effect.fnUntraced(function* (subject: Subject, { record, seq }: Recorded) {
    const found = yield* log.at(record.prev)
    if (found !== undefined && found.subject.type === subject.type && found.subject.id === subject.id)
      return found
    return yield* new LogDamaged({
      seq,
      reason: `its predecessor ${record.prev} of ${subject.type}.${subject.id} is missing or another aggregate's`,
    })
  })

  const advance = (
    loaded: Loaded<State>,
    recorded: Recorded,
    events: ReadonlyArray<Event>,
  ): Loaded<State> => ({
    state: fold(aggregate, events, { seq: recorded.seq, at: recorded.record.at }, loaded.state),
    seq: recorded.seq,
    hash: recorded.record.hash,
    remembered: remember(loaded.remembered, {
      id: recorded.record.command,
      fingerprint: recorded.record.fingerprint,
      seq: recorded.seq,
    }),
    sinceSnapshot: loaded.sinceSnapshot + 1,
  })

  /** The aggregate right after `newest`. */
  const asOf = Effect.fnUntraced(function* (newest: Recorded) {
    const later: Array<Recorded> = []
    let record = newest
    let loaded = snapshotOf(record)
    while (loaded === undefined) {
      later.push(record)
      if (record.record.prev === 0) {
        loaded = nothing
      } else {
        record = yield* previous(newest.subject, record)
        loaded = snapshotOf(record)
      }
    }
    for (const next of later.toReversed()) loaded = advance(loaded, next, yield* eventsOf(next))
    return loaded
  })

  const load = Effect.fnUntraced(function* (subject: Subject) {
    const newest = yield* log.last(subject)
    return newest === undefined ? nothing : yield* asOf(newest)
  })

  /** The newest record of this command at or before `newest` and after position `after`. */
  const search = Effect.fnUntraced(function* (
    subject: Subject,
    command: string,
    newest: number,
    after: number,
  ) {
    let record = newest === 0 ? undefined : yield* log.at(newest)
    while (record !== undefined && record.seq > after) {
      if (record.record.command === command) return record
      record = record.record.prev > after ? yield* previous(subject, record) : undefined
    }
    return undefined
  })

  return { asOf, eventsOf, foldHash: hash, load, search }
}
