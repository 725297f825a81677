import type { LogDamaged, LogFull, LogUnavailable, NewerRecord, RecordTooLarge } from "../domain/EventLog.ts"
import type { Contended, KeyReused, VersionMismatch } from "./Envelope.ts"

/** The end of a command: the record at `seq` (or the newest before it, when nothing was recorded) and its state. */
export interface Outcome<State, Event> {
  readonly seq: number
  readonly at: string | null
  readonly state: State
  readonly events: ReadonlyArray<Event>
  /** The command had been given before; this is the first answer. */
  readonly repeated: boolean
  /** A record was appended for this very answer, with or without events. */
  readonly recorded: boolean
}

export type DispatchFailure =
  | KeyReused
  | VersionMismatch
  | Contended
  | LogUnavailable
  | LogFull
  | RecordTooLarge
  | LogDamaged
  | NewerRecord
