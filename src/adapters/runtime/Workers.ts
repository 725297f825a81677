import { Cause, Context, Deferred, Effect, Exit, Layer, Schema } from "effect"

/** A part of the program that must not stop has stopped, and why. */
export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", {
  message: Schema.String,
}) {}

/**
 * The workers in the background, which live as long as the program. A worker that fails must not die
 * silently: its failure is the program's.
 */
export class Workers extends Context.Service<
  Workers,
  {
    readonly start: <Failure extends Error, Requirements>(
      name: string,
      work: Effect.Effect<unknown, Failure, Requirements>,
    ) => Effect.Effect<void, never, Requirements>
    readonly failed: Effect.Effect<never, WorkerFailed>
  }
>()("crewlog/adapters/runtime/Workers") {
  static readonly layer = Layer.effect(
    Workers,
    Effect.gen(function* () {
      const failed = yield* Deferred.make<never, WorkerFailed>()
      const scope = yield* Effect.scope
      const fail = (name: string, what: string) =>
        Deferred.fail(failed, new WorkerFailed({ message: `${name} stopped: ${what}` }))
      return Workers.of({
        failed: Deferred.await(failed),
        start: (name, work) =>
          work.pipe(
            Effect.onExit((exit) => {
              if (Exit.isSuccess(exit)) return fail(name, "it ended by itself")
              return Cause.hasInterruptsOnly(exit.cause) ? Effect.void : fail(name, summary(exit.cause))
            }),
            Effect.forkIn(scope),
            Effect.asVoid,
          ),
      })
    }),
  )
}

const summary = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
