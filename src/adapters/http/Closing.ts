import { Context, Deferred, Effect, Layer } from "effect"

/** Tells answers that would go on for ever that the server stops: they end, and their readers come again. */
export class Closing extends Context.Service<
  Closing,
  {
    readonly begin: Effect.Effect<void>
    /** Waits for `begin`. */
    readonly begun: Effect.Effect<void>
  }
>()("crewlog/adapters/http/Closing") {
  static readonly layer = Layer.effect(
    Closing,
    Effect.map(Deferred.make<void>(), (closing) =>
      Closing.of({
        begin: Effect.asVoid(Deferred.succeed(closing, undefined)),
        begun: Deferred.await(closing),
      }),
    ),
  )
}
