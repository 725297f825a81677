import type { Duration, Effect } from "effect"
import { system } from "../../domain/Actor.ts"
import type { Owed } from "../../projections/ReadModel.ts"
import type { Envelope } from "../Envelope.ts"

/**
 * The end of one attempt, and there are no others. `Done`: nothing is owed any more. `Later`: another attempt at
 * `at`, an RFC 3339 time. `Never`: no attempt can succeed, for the reason that `why` tells a person.
 */
export type Answer<Result = void> =
  | { readonly _tag: "Done"; readonly result: Result }
  | { readonly _tag: "Later"; readonly at: string }
  | { readonly _tag: "Never"; readonly why: string }

/** Any typed failure: all of them mean another attempt. */
export interface Failure {
  readonly _tag: string
}

/**
 * The commands that record an answer on the log. The three of one attempt have one id, so the first of them that is
 * recorded is the attempt's answer, whoever gave it. Their decider leaves alone what is no longer owed, and postpones
 * and gives up only at the attempt that it waits for itself (`owed.attempt`).
 */
export interface Records<Result> {
  readonly done: (owed: Owed, result: Result, envelope: Envelope) => Effect.Effect<unknown, Failure>
  readonly postpone: (owed: Owed, at: string, envelope: Envelope) => Effect.Effect<unknown, Failure>
  readonly giveUp: (owed: Owed, why: string, envelope: Envelope) => Effect.Effect<unknown, Failure>
}

/**
 * The way in which everything of one kind that is owed gets done. What is owed is an event; `projections/Owed.ts`
 * makes its row, and a lane calls `perform` when it is due.
 *
 * `perform` may be called twice for one attempt: after a death, or by two nodes that both believe to lead for a
 * moment. So it goes by the log's state (`Dispatcher.load`) and not by the row, and sends outside with an
 * idempotency key that is the same for all attempts. It must stop when it is interrupted.
 */
export interface Reaction<Result = void> {
  readonly kind: string
  /** An inquiry or a performance that takes longer has failed. */
  readonly within: Duration.Input
  /** Most attempts of this kind that are under way at a time on the leading node. */
  readonly atOnce: number
  /** The same for each target; as many as `atOnce` where there is none. */
  readonly atOnceForTarget?: number
  /** The pause after the given attempt failed; the first attempt is 1. */
  readonly backoff: (attempt: number) => Duration.Input
  /**
   * The outside's own account of this id, or undefined if it never heard of it. Called first whenever somebody may
   * have sent before: at every attempt but the first, and for all that was owed already when this node took over.
   */
  readonly inquire?: (owed: Owed) => Effect.Effect<Answer<Result> | undefined, Failure>
  readonly perform: (owed: Owed) => Effect.Effect<Answer<Result>, Failure>
  /** Absent where `perform` itself does no more than give a command, as at a deadline: then nothing but that is recorded. */
  readonly records?: Records<Result>
}

export const done: Answer = { _tag: "Done", result: undefined }
export const doneWith = <Result>(result: Result): Answer<Result> => ({ _tag: "Done", result })
export const later = (at: string): Answer<never> => ({ _tag: "Later", at })
export const never = (why: string): Answer<never> => ({ _tag: "Never", why })

/** The envelope of whatever one attempt has to say. A second runner that says it again changes nothing. */
export const envelopeOf = ({ attempt, id, kind, seq }: Owed): Envelope => ({
  actor: system,
  commandId: `:${kind}:${seq}:${attempt}`,
  fingerprint: "",
  correlation: `${kind}:${id}`,
  causation: seq,
})
