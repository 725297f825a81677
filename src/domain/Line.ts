import { isAggregateType } from "./Aggregate.ts"
import type { Recorded } from "./CommitRecord.ts"

/**
 * A message on the log that no program of ours wrote. Its position counts, so that the sequence stays whole;
 * otherwise it is stepped over.
 */
export interface Stray {
  readonly seq: number
  readonly stray: {
    /** The subject as the log names it. */
    readonly subject: string
    readonly reason: string
    /** SHA-256 of subject and data. */
    readonly hash: string
    /** Headers that the server does not act on. */
    readonly headers: ReadonlyArray<readonly [name: string, value: string]>
    readonly data: Uint8Array
  }
}

/** The message at a position of the log, whatever it is. */
export type Line = Recorded<string> | Stray

export const isStray = (line: Line): line is Stray => "stray" in line

/** A record of an aggregate that this program knows. Its events may be a newer program's all the same. */
export const isRecorded = (line: Line): line is Recorded =>
  !isStray(line) && isAggregateType(line.subject.type)

/** Tells a line from any other that could stand in its place. */
export const hashOf = (line: Line): string => (isStray(line) ? line.stray.hash : line.record.hash)

/** The aggregate of a record as `<type>.<id>`, the subject of a stray message. */
export const nameOf = (line: Line): string =>
  isStray(line) ? line.stray.subject : `${line.subject.type}.${line.subject.id}`
