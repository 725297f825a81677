import { Context, Deferred, Effect, Layer } from "effect"
import { Settings } from "../../config.ts"
import type { Owing } from "../../projections/ReadModel.ts"
import type { Answer } from "./Reaction.ts"

/** Counts of one lane on this node since its start. */
export interface Counts {
  underWay: number
  attempts: number
  givenUp: number
}

/**
 * The figures of all lanes on this node, for metrics, and their end: before the program lets go of what its attempts
 * need, none begins any more and those under way may finish. One that does not is asked for by the next leader.
 */
export class LaneFigures extends Context.Service<
  LaneFigures,
  {
    readonly counts: () => ReadonlyMap<string, Readonly<Counts>>
    /** All that is owed, as of a few seconds ago; undefined on a node that does not lead. */
    readonly owing: () => ReadonlyArray<Owing> | undefined
    readonly note: (owing: ReadonlyArray<Owing> | undefined) => Effect.Effect<void>
    readonly isClosing: () => boolean
    /** Counts an attempt, from before it begins until its answer is recorded. */
    readonly counted: (
      kind: string,
    ) => <Failure, Requirements>(
      serving: Effect.Effect<Answer<unknown>, Failure, Requirements>,
    ) => Effect.Effect<void, Failure, Requirements>
  }
>()("crewlog/commands/reactions/LaneFigures") {
  static readonly layer = Layer.effect(
    LaneFigures,
    Effect.gen(function* () {
      const { drainTimeout } = yield* Settings
      const lanes = new Map<string, Counts>()
      const finished = yield* Deferred.make<void>()
      let owing: ReadonlyArray<Owing> | undefined
      let isClosing = false

      const countsOf = (kind: string): Counts => {
        const counts = lanes.get(kind) ?? { underWay: 0, attempts: 0, givenUp: 0 }
        lanes.set(kind, counts)
        return counts
      }
      const finish = () => {
        const isIdle = [...lanes.values()].every(({ underWay }) => underWay === 0)
        if (isClosing && isIdle) Deferred.doneUnsafe(finished, Effect.void)
      }
      const close = Effect.suspend(() => {
        isClosing = true
        finish()
        return Effect.timeoutOption(Deferred.await(finished), drainTimeout)
      })
      yield* Effect.addFinalizer(() => close)

      return LaneFigures.of({
        counts: () => lanes,
        owing: () => owing,
        note: (noted) =>
          Effect.sync(() => {
            owing = noted
          }),
        isClosing: () => isClosing,
        counted: (kind) => (serving) =>
          Effect.suspend(() => {
            const counts = countsOf(kind)
            counts.attempts += 1
            counts.underWay += 1
            const end = Effect.sync(() => {
              counts.underWay -= 1
              finish()
            })
            return serving.pipe(
              Effect.map(({ _tag }) => {
                if (_tag === "Never") counts.givenUp += 1
              }),
              Effect.ensuring(end),
            )
          }),
      })
    }),
  )
}
