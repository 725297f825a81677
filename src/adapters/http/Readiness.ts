import { Context, type Effect } from "effect"

/** A thing that must be there before the program can serve. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** The findings, for an operator; no secrets, anybody may ask. */
  readonly detail: string
}

/** The checks that `/readyz` asks. */
export class Readiness extends Context.Service<
  Readiness,
  {
    /** Every check, each bounded in time; never fails. */
    readonly checks: Effect.Effect<ReadonlyArray<Check>>
  }
>()("crewlog/adapters/http/Readiness") {}
