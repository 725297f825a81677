import { Effect, Option, Schema } from "effect"
import { type Evolving, fold, sourceOf } from "./Aggregate.ts"
import type { Recorded, Remembered, Subject } from "./CommitRecord.ts"
import type { Digest } from "./Digest.ts"
import { type EventLog, LogDamaged } from "./EventLog.ts"
import { isChosen } from "./Ids.ts"
import { unreadableBy } from "./newer.ts"
import { bytesOf, cut, type Part, partOf, PartsFound, type Unfinished, Whole } from "./SnapshotParts.ts"

/** The number of command ids that an aggregate remembers by itself; older ones are found through `Receipts`. */
export const REMEMBERED = 32

/** An aggregate as of one of its records. `seq` 0 means that it does not exist. */
export interface Loaded<State> {
  readonly state: State
  readonly seq: number
  /** The newest record that changed the state: those after it hold no events. */
  readonly version: number
  readonly hash: string
  /** The newest client-chosen command ids, oldest first. Fewer than 32: these are all there ever were. */
  readonly remembered: ReadonlyArray<Remembered>
  /** Records since the newest snapshot, that one not counted. */
  readonly sinceSnapshot: number
  /** The size of the state as JSON when it was looked at last. */
  readonly bytes?: number | undefined
  /** A snapshot that this process is writing in pieces. */
  readonly unfinished?: Unfinished | undefined
}

/** A version that somebody saw is current when nothing was changed after it. */
export const isCurrent = (
  seen: number,
  { seq, version }: { readonly seq: number; readonly version: number },
): boolean => version <= seen && seen <= seq

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

/** The command ids and the place of an aggregate after one more record. */
const placedAt = (
  { record, seq }: Recorded,
  before: { readonly version: number; readonly remembered: ReadonlyArray<Remembered> },
) => ({
  seq,
  version: record.events.length > 0 ? seq : before.version,
  hash: record.hash,
  remembered: remember(before.remembered, { id: record.command, fingerprint: record.fingerprint, seq }),
})

/** The aggregate as of a record, from that record's snapshot, if it has one that this fold made. */
const snapshotReader = <State, Event>(aggregate: Evolving<State, Event>, fold: string) => {
  const decode = Schema.decodeUnknownOption(aggregate.state)
  return (recorded: Recorded): Loaded<State> | undefined => {
    const { record, seq } = recorded
    const { snapshot } = record
    if (snapshot === undefined || snapshot.fold !== fold) return undefined
    const state = Option.getOrUndefined(decode(snapshot.state))
    if (state === undefined) return undefined
    return {
      ...placedAt(recorded, { version: snapshot.version ?? seq, remembered: snapshot.commands }),
      state: aggregate.locate === undefined ? state : aggregate.locate(state, seq),
      sinceSnapshot: 0,
    }
  }
}

/** The aggregate as of the record that parts are of, once all of them were met on the way back. */
const partsReader = <State, Event>(aggregate: Evolving<State, Event>, fold: string) => {
  const decodeState = Schema.decodeUnknownOption(aggregate.state)
  const decodeWhole = Schema.decodeUnknownOption(Whole)
  return (found: PartsFound, { record }: Recorded): Loaded<State> | undefined => {
    const part = partOf(record, fold)
    const text = part === undefined ? undefined : found.add(part)
    const whole = text === undefined ? undefined : Option.getOrUndefined(decodeWhole(text))
    if (part === undefined || whole === undefined) return undefined
    const { hash, remembered, version } = whole
    const state = Option.getOrUndefined(decodeState(whole.state))
    return (
      state && {
        state,
        seq: part.of,
        version,
        hash,
        remembered,
        sinceSnapshot: 0,
        bytes: bytesOf(text ?? ""),
      }
    )
  }
}

/** Cuts an aggregate as of one of its records into pieces, the same every time. */
const cutter = <State, Event>(aggregate: Evolving<State, Event>) => {
  const encode = Schema.encodeSync(aggregate.state)
  return ({ hash, remembered, seq, state, version }: Loaded<State>): Unfinished => ({
    of: seq,
    pieces: cut(JSON.stringify({ state: encode(state), version, hash, remembered })),
    next: 0,
    since: 0,
  })
}

/** The newest snapshot whose pieces are not all on the log: whoever writes next goes on with it. */
const unfinishedOf = (part: Part | undefined, begun: Unfinished | undefined, since: number) =>
  part === undefined || begun === undefined || begun.pieces.length !== part.count
    ? {}
    : { unfinished: { ...begun, next: part.index + 1, since } }

/** The aggregate after one record more. */
const advancer =
  <State, Event>(aggregate: Evolving<State, Event>) =>
  (loaded: Loaded<State>, recorded: Recorded, events: ReadonlyArray<Event>): Loaded<State> => ({
    ...placedAt(recorded, loaded),
    bytes: loaded.bytes,
    state: fold(aggregate, events, { seq: recorded.seq, at: recorded.record.at }, loaded.state),
    sinceSnapshot: loaded.sinceSnapshot + 1,
  })

/** The decoded events of a record. Those of a newer program are no damage when the record is whole: its hash says so. */
const eventReader = <State, Event>(
  aggregate: Evolving<State, Event>,
  log: EventLog["Service"],
  digest: Digest["Service"],
) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(aggregate.events))
  const unreadable = unreadableBy(aggregate, log, digest)
  return (recorded: Recorded) =>
    decode(recorded.record.events).pipe(Effect.catch(({ message }) => unreadable(recorded, message)))
}

/** The record before one of the same aggregate. */
const predecessorIn = (log: EventLog["Service"]) =>
  Effect.fnUntraced(function* (subject: Subject, { record, seq }: Recorded) {
    const found = yield* log.at(record.prev)
    if (found !== undefined && found.subject.type === subject.type && found.subject.id === subject.id)
      return found
    return yield* new LogDamaged({
      seq,
      reason: `its predecessor ${record.prev} of ${subject.type}.${subject.id} is missing or another aggregate's`,
    })
  })

/** The newest record of a command of one aggregate at or before `newest` and after position `after`. */
const searchIn = (log: EventLog["Service"], previous: ReturnType<typeof predecessorIn>) =>
  Effect.fnUntraced(function* (subject: Subject, command: string, newest: number, after: number) {
    let record = newest === 0 ? undefined : yield* log.at(newest)
    while (record !== undefined && record.seq > after) {
      if (record.record.command === command) return record
      record = record.record.prev > after ? yield* previous(subject, record) : undefined
    }
    return undefined
  })

/**
 * Reads one aggregate's past: from a record back over `prev`, each by its own sequence, to the
 * nearest usable snapshot (at most 16 records away while states are ordinary), then forward.
 */
export const historian = <State, Event>(
  aggregate: Evolving<State, Event>,
  log: EventLog["Service"],
  digest: Digest["Service"],
) => {
  const hash = foldHash(digest, aggregate)
  const snapshotOf = snapshotReader(aggregate, hash)
  const wholeOf = partsReader(aggregate, hash)
  const inPieces = cutter(aggregate)
  const advance = advancer(aggregate)
  const eventsOf = eventReader(aggregate, log, digest)
  const previous = predecessorIn(log)
  const nothing: Loaded<State> = {
    state: aggregate.initial,
    seq: 0,
    version: 0,
    hash: "",
    remembered: [],
    sinceSnapshot: 0,
  }

  /** The aggregate right after `newest`. */
  const asOf = Effect.fnUntraced(function* (newest: Recorded) {
    const later: Array<Recorded> = []
    const found = new PartsFound()
    let part: Part | undefined
    let record = newest
    let loaded = snapshotOf(record)
    while (loaded === undefined) {
      later.push(record)
      part ??= partOf(record.record, hash)
      loaded = wholeOf(found, record)
      if (loaded !== undefined) break
      if (record.record.prev === 0) {
        loaded = nothing
      } else {
        record = yield* previous(newest.subject, record)
        loaded = snapshotOf(record)
      }
    }
    const isWritten = part === undefined || part.of === loaded.seq
    let begun: Unfinished | undefined
    let since = 0
    for (const next of later.toReversed()) {
      if (next.seq <= loaded.seq) continue
      if (!isWritten && loaded.seq === part?.of) begun = inPieces(loaded)
      if (begun !== undefined) since += 1
      loaded = advance(loaded, next, yield* eventsOf(next))
    }
    return { ...loaded, ...unfinishedOf(part, begun, since) }
  })

  const load = Effect.fnUntraced(function* (subject: Subject) {
    const newest = yield* log.last(subject)
    return newest === undefined ? nothing : yield* asOf(newest)
  })

  const search = searchIn(log, previous)
  return { asOf, eventsOf, foldHash: hash, inPieces, load, search }
}
