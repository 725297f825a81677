import { Effect, Semaphore } from "effect"

/**
 * Turns, one at a time for each key, in the order in which they came; keys that nobody waits for are
 * forgotten. Writers inside a process wait for each other here instead of meeting at the guard.
 */
export const makeTurns = () => {
  const queues = new Map<string, { readonly turn: Semaphore.Semaphore; waiting: number }>()

  return (key: string) =>
    <Value, Failure, Requirements>(
      effect: Effect.Effect<Value, Failure, Requirements>,
    ): Effect.Effect<Value, Failure, Requirements> =>
      Effect.suspend(() => {
        const queue = queues.get(key) ?? { turn: Semaphore.makeUnsafe(1), waiting: 0 }
        queues.set(key, queue)
        queue.waiting++
        return queue.turn.withPermit(effect).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              if (--queue.waiting === 0) queues.delete(key)
            }),
          ),
        )
      })
}
