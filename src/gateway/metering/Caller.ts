import type { RosterMember } from "../../projections/Roster.ts"

/** The caller, and the purpose of a request. */
export interface Caller {
  readonly kind: "caller"
  /** Undefined for who came with the shared token. */
  readonly member: RosterMember | undefined
  /** As `Crewlog-Project` and `Crewlog-Task` say: labels, nothing more. */
  readonly project: string | null
  readonly task: string | null
}

/** The reason that a request is not let in. */
export type CallerRefusal =
  /** No token, one that nobody has (any more), one of a member that is disabled. */
  | { readonly kind: "no_token" | "unknown_token" | "member_disabled" }
  | { readonly kind: "bad_header"; readonly header: string; readonly expected: string }

/** The reason that a member has to wait. */
export type LimitRefusal =
  | {
      readonly kind: "over_limit"
      readonly limit: "requests_per_minute" | "tokens_per_day" | "usd_per_day"
      readonly allowed: number
      /** Whole seconds until the next request may go, or until the day (UTC's) is over. */
      readonly retryAfterSeconds: number
    }
  /** This node does not know yet what the member spent today. */
  | { readonly kind: "not_ready"; readonly retryAfterSeconds: number }
