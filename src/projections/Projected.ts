import { Context, Deferred, type Duration, Effect, Latch, Layer, PubSub, Stream } from "effect"
import { Announcements } from "./Announcements.ts"
import { ReadModel } from "./ReadModel.ts"

const ASK_AGAIN = "150 millis"
const LULL = "2 millis"

/**
 * The position of the read model, as far as this node knows (architecture.md section 6). The node has it from
 * announcements; while somebody waits it also asks the checkpoint, in case an announcement was lost.
 */
export class Projected extends Context.Service<
  Projected,
  {
    /** The newest position known here; the read model may be further. */
    readonly current: Effect.Effect<number>
    /**
     * Waits until the read model shows position `seq`; false when it did not within `timeout`.
     * Never fails. What is read afterwards says its own position, and that is what counts: a
     * PostgreSQL that crashed may be behind for a moment.
     */
    readonly reached: (seq: number, timeout: Duration.Input) => Effect.Effect<boolean>
    /** The newest known position, then later ones; only the latest when the reader is slow. */
    readonly changes: Stream.Stream<number>
    /** Notes that the read model is at `seq`. */
    readonly note: (seq: number) => Effect.Effect<void>
    /**
     * The pause between two commits of the projector: 2 ms, none while somebody waits here. One command after the
     * other would else make a transaction each, and those took half of the time of the commands.
     */
    readonly lull: Effect.Effect<void>
  }
>()("crewlog/projections/Projected") {
  static readonly layer = Layer.effect(
    Projected,
    Effect.gen(function* () {
      const announcements = yield* Announcements
      const model = yield* ReadModel
      const positions = yield* PubSub.sliding<number>({ capacity: 1, replay: 1 })
      const somebodyWaits = yield* Latch.make(true)
      const waiting = new Map<Deferred.Deferred<void>, number>()
      let current = 0

      const note = (seq: number) =>
        Effect.suspend(() => {
          if (seq <= current) return Effect.void
          current = seq
          for (const [deferred, wanted] of waiting) {
            if (wanted <= seq) Deferred.doneUnsafe(deferred, Effect.void)
          }
          return Effect.asVoid(PubSub.publish(positions, seq))
        })

      const wait = Effect.fnUntraced(function* (seq: number) {
        if (seq <= current) return
        const deferred = Deferred.makeUnsafe<void>()
        waiting.set(deferred, seq)
        somebodyWaits.openUnsafe()
        yield* Deferred.await(deferred).pipe(Effect.ensuring(Effect.sync(() => waiting.delete(deferred))))
      })

      const ask = Effect.gen(function* () {
        yield* somebodyWaits.await
        yield* Effect.flatMap(model.standing, ({ seq }) => note(seq)).pipe(Effect.ignore)
        yield* Effect.sleep(ASK_AGAIN)
        if (waiting.size === 0) somebodyWaits.closeUnsafe()
      })

      yield* announcements.positions.pipe(Stream.runForEach(note), Effect.forkScoped)
      yield* Effect.forkScoped(Effect.forever(ask))

      return Projected.of({
        current: Effect.sync(() => current),
        note,
        lull: somebodyWaits.await.pipe(Effect.timeoutOption(LULL), Effect.asVoid),
        changes: Stream.fromPubSub(positions),
        reached: (seq, timeout) =>
          wait(seq).pipe(
            Effect.as(true),
            Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(false) }),
          ),
      })
    }),
  )
}
