import type { Commit } from "../../projections/Commit.ts"

/**
 * The meaning of a line of the log to the tables: a commit, a record of a newer program, which is parked, a stray
 * message, or something that can't be told, because the record or one before it is not as it must be.
 */
export type Meaning = Commit | "parked" | "stray" | "unclear"
