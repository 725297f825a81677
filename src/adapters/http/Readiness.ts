import { Context, type Effect } from "effect"

/** One thing that must be there before the program can serve. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** What was found, for an operator; no secrets, anybody may ask. */
  readonly detail: string
}

/** What `/readyz` asks. */
export class Readiness extends Context.Service<
  Readiness,
  {
    /** Every check, each bounded in time; never fails. */
    readonly checks: Effect.Effect<ReadonlyArray<Check>>
  }
>()("crewlog/adapters/http/Readiness") {}
