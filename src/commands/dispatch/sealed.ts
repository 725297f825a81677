import type { Schema } from "effect"
import { fold } from "../../domain/Aggregate.ts"
import { chained, type CommitRecord } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import type { Loaded } from "../../domain/History.ts"
import { bytesOf, partFold, PIECE_BYTES, type Unfinished } from "../../domain/SnapshotParts.ts"
import type { Given } from "./Given.ts"

/** The most bytes of a message on the log, its headers included. */
const LARGEST = 256 * 1024
/** More than the headers of a record take, and the 32 commands that a snapshot remembers, with the names of its fields. */
const AROUND = 16 * 1024
const SNAPSHOT_BYTES = 8 * 1024
const SNAPSHOT_EVERY = 16
/** States beyond it are encoded only when a snapshot is due. */
const HUGE = 512 * 1024

type Snapshot = NonNullable<CommitRecord["snapshot"]>

/** The snapshot that goes with a record, if one does, and how far the aggregate is with its snapshots then. */
interface Carried {
  readonly snapshot?: Snapshot
  readonly sinceSnapshot: number
  readonly unfinished?: Unfinished
}

/** A record that carries the next piece of an unfinished snapshot; without it where there is no room left. */
const nextPiece = <State>(
  {
    fold,
    room,
    sinceSnapshot,
  }: { readonly fold: string; readonly room: number } & Pick<Loaded<State>, "sinceSnapshot">,
  { next, of, pieces, since }: Unfinished,
): Carried => {
  const waiting = { of, pieces, next, since: since + 1 }
  const text = pieces[next]
  if (text === undefined || room < PIECE_BYTES) {
    return { sinceSnapshot: sinceSnapshot + 1, unfinished: waiting }
  }
  const state = { of, index: next, count: pieces.length, text }
  const snapshot = { fold: partFold(fold), state, commands: [] }
  return next + 1 === pieces.length
    ? { snapshot, sinceSnapshot: since + 1 }
    : { snapshot, sinceSnapshot: sinceSnapshot + 1, unfinished: { ...waiting, next: next + 1 } }
}

/** Large snapshots are due less often: their pieces take records, too. */
const isDue = ({ bytes = 0, sinceSnapshot }: Loaded<unknown>): boolean =>
  sinceSnapshot + 1 >= SNAPSHOT_EVERY + (bytes > LARGEST ? Math.ceil(bytes / PIECE_BYTES) : 0)

/**
 * The record of a decision: chained to the one before, with a snapshot where that is small or due. What does not fit
 * into the message goes along in pieces. All sizes are bytes.
 */
export const sealed = <State, Command, Event extends { readonly _tag: string }, Refusal>(
  { aggregate, envelope, history }: Given<State, Command, Event, Refusal>,
  loaded: Loaded<State>,
  events: ReadonlyArray<Event>,
  at: string,
  { sha256 }: Digest["Service"],
) => {
  const open = {
    command: envelope.commandId,
    fingerprint: envelope.fingerprint,
    at,
    actor: envelope.actor.slug,
    correlation: envelope.correlation,
    causation: envelope.causation,
    prev: loaded.seq,
    events: history.encodeEvents(events),
  }
  const text = chained(loaded.hash, open)
  const hash = sha256(text)
  const due = isDue(loaded)
  const after = fold(aggregate, events, { seq: 0, at }, loaded.state)
  const isLeft = (loaded.bytes ?? 0) > HUGE && (!due || loaded.unfinished !== undefined)
  // Encoded, so that its fields stand in the order in which a repeat will find them.
  const state = isLeft ? after : history.encodeState(after)
  const bytes = isLeft ? loaded.bytes : bytesOf(JSON.stringify(state))
  const room = LARGEST - AROUND - bytesOf(text)

  const carried = (): Carried => {
    const place = { fold: history.foldHash, room, sinceSnapshot: loaded.sinceSnapshot }
    if (bytes !== undefined && bytes <= room && (bytes <= SNAPSHOT_BYTES || due)) {
      const version = events.length === 0 ? { version: loaded.version } : {}
      const commands = loaded.remembered
      const snapshot = { fold: history.foldHash, state: state as Schema.Json, commands, ...version }
      return { snapshot, sinceSnapshot: 0 }
    }
    if (loaded.unfinished !== undefined) return nextPiece(place, loaded.unfinished)
    const isTooLarge = due && bytes !== undefined && bytes > room && room >= PIECE_BYTES && loaded.seq > 0
    return isTooLarge
      ? nextPiece(place, history.inPieces(loaded))
      : { sinceSnapshot: loaded.sinceSnapshot + 1 }
  }
  const { snapshot, ...further } = carried()
  const record: CommitRecord = snapshot === undefined ? { ...open, hash } : { ...open, hash, snapshot }
  return { record, state, further: { ...further, bytes } }
}
