import { strayRow } from "../../adapters/postgres/commit.ts"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { isStray, type Line } from "../../domain/Line.ts"
import type { Commit } from "../../projections/Commit.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { framesOf } from "../../projections/Feed.ts"
import { historyOf } from "../../projections/History.ts"
import { messagesOf } from "../../projections/Messages.ts"
import { nothingChangedIn } from "../../projections/NothingChanged.ts"
import type { Row } from "../../projections/Table.ts"
import type { Change } from "../../projections/Writes.ts"

/** The rows that a commit adds to the tables that are only added to, the feed apart. */
export const addedBy = (commit: Commit): ReadonlyArray<Change> => [
  ...historyOf(commit),
  ...nothingChangedIn(commit),
  ...messagesOf(commit),
]

/** The frames of a commit, with the latest time that they may have. */
export const framesBy = (commit: Commit, latest: string): ReadonlyArray<Row> =>
  framesOf(commit).map((frame, idx) => ({ seq: commit.seq, idx, at: latest, ...frame }))

/** The row of a stray message. */
export const asideBy = (line: Line): Row | undefined =>
  isStray(line) ? strayRow(crewModel, line) : undefined

/** The row of a record that is parked, without its snapshot, which is left out or not. Its error is whatever was found. */
export const parkedBy = ({ record, seq, subject }: Recorded<string>): Row => ({
  model: crewModel.name,
  seq,
  ...subject,
  record: bare(record),
})

/** A parked row as it is compared. */
export const parkedAs = ({ error: _error, record, ...row }: Row): Row => ({ ...row, record: bare(record) })

const bare = (record: unknown): unknown => {
  if (typeof record !== "object" || record === null) return record
  const { snapshot: _snapshot, ...others } = record as { readonly snapshot?: unknown }
  return others
}
