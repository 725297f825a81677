import { Deferred, Effect, Ref, Schedule, type Scope } from "effect"

/** A run of a server. */
export interface Run {
  /** Waits until the run is over or must be ended, and says why. */
  readonly over: Effect.Effect<string>
}

const pauses = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")])

/**
 * Keeps a server running: waits for the first `start`, whose failure is the caller's, and from then on starts it
 * again whenever a run is over. Restarts never give up; the pause grows from 100 ms to 2 s while they fail.
 */
export const supervise = Effect.fn("supervise")(function* <
  Failure extends { readonly message: string },
  Requirements,
>(server: string, start: Effect.Effect<Run, Failure, Requirements | Scope.Scope>) {
  const first = yield* Deferred.make<void, Failure>()
  const hasStarted = yield* Ref.make(false)
  const run = Effect.gen(function* () {
    const { over } = yield* start
    if (yield* Ref.getAndSet(hasStarted, true)) yield* Effect.logInfo(`${server} is back`)
    yield* Deferred.succeed(first, undefined)
    yield* Effect.logWarning(`${server} is restarted: ${yield* over}`)
  }).pipe(
    Effect.scoped,
    Effect.tapCause((cause) => Deferred.failCause(first, cause)),
  )

  const again = run.pipe(
    Effect.tapError((error) => Effect.logWarning(`${server} doesn't start again: ${error.message}`)),
    Effect.retry(pauses),
  )
  yield* run.pipe(
    Effect.andThen(Effect.forever(again.pipe(Effect.delay("100 millis")))),
    Effect.ignore,
    Effect.forkScoped,
  )
  yield* Deferred.await(first)
})
