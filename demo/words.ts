import type { HistoryEntry, Task } from "./Crew.ts"
import type { Frame } from "./Socket.ts"
import type { Speaker } from "./Teller.ts"

// What the story says of what it sees.

const NAMES = ["mia", "ada", "bob", "eve"] as const
/** The name of a member in the story. */
export type Name = (typeof NAMES)[number]
type Cast = { readonly [name in Name]: { readonly slug: string } }

/** The name in the story, also where the slug has a suffix. */
export const nameOf = (slug: unknown, cast: Cast): Speaker =>
  NAMES.find((name) => cast[name].slug === slug) ?? "admin"

export const titled = ({ key, title }: Task): string => `${key} "${title}"`

export const frameText = ({ data, seq, type }: Frame, cast: Cast): string => {
  switch (type) {
    case "agent.status":
      return `${seq} ${type} ${nameOf(data["slug"], cast)} ${data["status"]}`
    case "message.new":
      return `${seq} ${type} from ${nameOf(data["author_slug"], cast)}: ${data["content"]}`
    default:
      return `${seq} ${type} ${data["key"]} ${data["status"]}`
  }
}

/** A task's history as a table: times count from its first event. */
export const accountOf = (
  history: ReadonlyArray<HistoryEntry>,
  cast: Cast,
): ReadonlyArray<ReadonlyArray<string>> => {
  const start = Date.parse(history[0]?.at ?? "")
  return [
    ["position", "when", "who", "what"],
    ...history.map(({ actor, at, data, event, seq }) => [
      String(seq),
      `+${((Date.parse(at) - start) / 1000).toFixed(1)}s`,
      nameOf(actor, cast),
      `${event} ${detail(data, cast)}`,
    ]),
  ]
}

/** The part of an event's data that a person wants to see. */
const detail = ({ assignee_slug, changes, from, title, to }: HistoryEntry["data"], cast: Cast): string => {
  if (assignee_slug !== undefined) {
    const giver = typeof from === "string" ? `from ${nameOf(from, cast)} ` : ""
    return `${giver}to ${nameOf(assignee_slug, cast)}`
  }
  if (to !== undefined) return `${from} -> ${to}`
  if (title !== undefined) return String(title)
  return Object.entries(changes ?? {})
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ")
}
