import { styleText } from "node:util"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { clipped, printable } from "../printable.ts"
import type { Named } from "./names.ts"
import { whatIn, whenOf } from "./RecordView.ts"

const SEQ = 6
const ACTOR = 12
const SHORT = 8

type Event = Recorded["record"]["events"][number]

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** The move within an event: from what or whom, to what or whom. */
const moveOf = (event: Event): string => {
  const from = text(event["from"])
  const to = text(event["to"]) || text(event["assignee_slug"])
  if (from !== "" && to !== "") return `${from} -> ${to}`
  return to || from || text(event["slug"])
}

const quoted = (value: string) => (value === "" ? "" : JSON.stringify(value))

const changesOf = ({ changes }: Event): string =>
  typeof changes === "object" && changes !== null ? Object.keys(changes).join(", ") : ""

/** An event with what somebody who follows wants to know of it. */
const eventOf = (event: Event): string =>
  [event._tag, moveOf(event), changesOf(event), quoted(text(event["reason"]) || text(event["content"]))]
    .filter((part) => part !== "")
    .join(" ")

/** The columns of the terminal; 80 where there is none. */
export const columns = (): number => process.stdout.columns || 80

/** The line of a record, as wide as `width`: position, day and time (UTC), who, about what, what happened, and the title. */
export const storyOf = (
  { record, seq }: Recorded<string>,
  { name, title = "" }: Named,
  width: number,
): string => {
  const start = `${String(seq).padStart(SEQ)} ${whenOf(record.at).slice("2026-".length)}`
  const who = clipped(printable(record.actor), ACTOR).padEnd(SHORT)
  const told = record.events.length === 0 ? whatIn(record) : record.events.map(eventOf).join(", ")
  const about = printable(name)
  const room = width - start.length - who.length - about.length - 3
  const what = clipped(printable(`${told}${title === "" ? "" : `  ${quoted(title)}`}`), Math.max(0, room))
  return `${styleText("dim", start)} ${who} ${styleText("bold", about)} ${what}`.trimEnd()
}
