import type { Schema } from "effect"
import { fold } from "../../domain/Aggregate.ts"
import { chained } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import type { Loaded } from "../../domain/History.ts"
import type { Given } from "./Given.ts"

const SNAPSHOT_BYTES = 8 * 1024
const LARGE_SNAPSHOT_BYTES = 160 * 1024
const SNAPSHOT_EVERY = 16

/** The record of a decision: chained to the one before, with a snapshot where that is small or due. */
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
  const hash = sha256(chained(loaded.hash, open))
  // Encoded, so that its fields stand in the order in which a repeat will find them.
  const state = history.encodeState(fold(aggregate, events, { seq: 0, at }, loaded.state))
  const bytes = JSON.stringify(state).length
  const fits =
    bytes <= SNAPSHOT_BYTES || (loaded.sinceSnapshot + 1 >= SNAPSHOT_EVERY && bytes <= LARGE_SNAPSHOT_BYTES)
  const snapshot = {
    fold: history.foldHash,
    state: state as Schema.Json,
    commands: loaded.remembered,
    ...(events.length === 0 ? { version: loaded.version } : {}),
  }
  return { record: fits ? { ...open, hash, snapshot } : { ...open, hash }, fits, state }
}
