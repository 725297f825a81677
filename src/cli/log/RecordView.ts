import { styleText } from "node:util"
import type { CommitRecord, Recorded } from "../../domain/CommitRecord.ts"
import { clipped, printable } from "../printable.ts"

/** A record as programs get it. */
export interface RecordView extends Pick<
  CommitRecord,
  "at" | "actor" | "command" | "correlation" | "causation" | "events"
> {
  readonly seq: number
  readonly aggregate: string
}

export const viewOf = ({ record, seq, subject }: Recorded<string>): RecordView => {
  const { actor, at, causation, command, correlation, events } = record
  return {
    seq,
    aggregate: `${subject.type}.${subject.id}`,
    at,
    actor,
    command,
    correlation,
    causation,
    events,
  }
}

const COLUMNS = 80
const SEQ = 7
const ACTOR = 12

export const whenOf = (at: string): string => at.slice(0, 19).replace("T", " ")

/** The names of a record's events. */
export const whatIn = ({ events }: CommitRecord): string =>
  events.length === 0 ? "nothing changed" : events.map(({ _tag }) => _tag).join(", ")

/** A line of at most 80 columns unless the name is long: position, when (UTC), who, what it is about and what happened. */
export const lineOf = ({ record, seq }: Recorded<string>, name: string): string => {
  const place = String(seq).padStart(SEQ)
  const who = clipped(printable(record.actor), ACTOR).padEnd(ACTOR)
  const about = printable(name)
  const start = `${place} ${whenOf(record.at)} ${who} ${about} `
  const what = clipped(printable(whatIn(record)), COLUMNS - start.length)
  return `${styleText("dim", `${place} ${whenOf(record.at)}`)} ${who} ${about} ${styleText("bold", what)}`
}

/** The fields of an event, one line each, cut at 80 columns. */
export const fieldsOf = (
  event: Recorded["record"]["events"][number],
  indent: string,
): ReadonlyArray<string> => {
  const { _tag, v: _v, ...fields } = event
  const names = Object.keys(fields)
  const width = Math.max(0, ...names.map((name) => name.length))
  return Object.entries(fields).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    return clipped(printable(`${indent}${name.padEnd(width)}  ${text}`), COLUMNS)
  })
}
