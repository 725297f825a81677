import type { Asked } from "../../operations/Asked.ts"
import type { RosterMember } from "../../projections/Roster.ts"

/** A frame's surroundings: it has no headers, and its answer does not wait for the tables. */
export const askedBy = (member: RosterMember, correlation: string, source: string): Asked => ({
  member,
  key: undefined,
  ifMatch: undefined,
  claim: undefined,
  minSeq: undefined,
  isAsync: true,
  correlation,
  source,
  bytes: 0,
  olderFingerprint: () => "",
})
