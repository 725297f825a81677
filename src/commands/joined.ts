import type { ReportedStatus } from "../domain/Presence.ts"

type Reported = typeof ReportedStatus.Type

/** The newest word of a connection: a status, and when it was said in milliseconds. */
export interface Said {
  readonly status: Reported
  readonly at: number
}

/** A member with several connections is what the one that does most says. */
const ranks: Readonly<Record<Reported, number>> = { busy: 2, online: 1, idle: 0 }

/** The status that counts of two. */
export const higher = (one: Reported | undefined, other: Reported | undefined): Reported | undefined =>
  one === undefined || (other !== undefined && ranks[other] > ranks[one]) ? other : one

/** The status that a member's connections have together; those that were not heard of after `since` are forgotten. */
export const joined = (sources: Map<string, Said>, since: number): Reported | undefined => {
  let status: Reported | undefined
  for (const [source, said] of sources) {
    if (said.at < since) sources.delete(source)
    else status = higher(status, said.status)
  }
  return status
}
