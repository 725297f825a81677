import { Cause, Effect, Option, type Schema } from "effect"
import { Unexpected } from "../../operations/EdgeRefusal.ts"
import { type Failure, refusalOf } from "../../operations/refusals.ts"

/** The id that a client may put on a frame, for the answer to repeat. */
export type FrameId = string | number

/** The frame that is answered: its type and the id that the answer repeats. */
export interface Asked {
  readonly type?: string | undefined
  readonly id?: FrameId | undefined
}

/** An `error` frame: what was wrong with a frame of type `ref`, or with what it asked for. */
export interface FrameProblem {
  readonly code: string
  readonly message: string
  readonly ref?: string | undefined
  readonly id?: FrameId | undefined
  /** Fields to act on; which ones depends on `code`. */
  readonly data?: Schema.JsonObject | undefined
}

/** A failure as every protocol tells it. */
export const problem = (failure: Failure, { id, type: ref }: Asked = {}): FrameProblem => {
  const { code, detail: message, more } = refusalOf(failure)
  return { code, message, ref, id, data: Object.keys(more).length === 0 ? undefined : more }
}

/** The same for whatever ended an effect. A defect is ours to read about, not the client's. */
export const problemOf = (cause: Cause.Cause<Failure>, asked: Asked): Effect.Effect<FrameProblem> => {
  const failure = Cause.findErrorOption(cause)
  if (Option.isSome(failure)) return Effect.succeed(problem(failure.value, asked))
  const unexpected = problem(new Unexpected(), asked)
  return Cause.hasInterruptsOnly(cause)
    ? Effect.succeed(unexpected)
    : Effect.as(Effect.logError("a frame could not be answered", cause), unexpected)
}
