import { Context, Effect, FiberSet, Layer, type Redacted } from "effect"
import { Settings } from "../../config.ts"
import type { CarryingOut } from "../../operations/carryOut.ts"
import { Nats } from "./Connection.ts"
import { type Callable, makeCalls } from "./agentCalls.ts"
import { authCallout } from "./authCallout.ts"
import { cutOff } from "./cutOff.ts"
import { discovery } from "./discovery.ts"
import { type Endpoint, endpointOf, QUEUE } from "./Endpoint.ts"

/** The operations that this node offers on NATS, whichever role brought them. */
export class Endpoints extends Context.Service<Endpoints, Set<Endpoint>>()(
  "crewlog/adapters/nats/Endpoints",
) {
  static readonly layer = Layer.sync(Endpoints, () => new Set<Endpoint>())
}

/** Takes calls of these operations on `crew.cmd.<agent>.>` and answers them, until the scope ends. */
const serveCalls = Effect.fnUntraced(function* <Requirements>(rows: ReadonlyArray<Callable<Requirements>>) {
  const { connection } = yield* Nats
  const { drainTimeout } = yield* Settings
  const endpoints = yield* Endpoints
  const callsOf = yield* makeCalls
  const run = yield* FiberSet.makeRuntime<Requirements | CarryingOut>()
  let inFlight = 0
  const over = Effect.sync(() => {
    inFlight -= 1
  })

  const subscribe = (row: Callable<Requirements>) => {
    const endpoint = endpointOf(row)
    const call = callsOf(row, endpoint)
    endpoints.add(endpoint)
    const subscription = connection.subscribe(endpoint.subject, {
      queue: QUEUE,
      callback: (error, message) => {
        if (error !== null) return
        inFlight += 1
        run(Effect.ensuring(call(message), over))
      },
    })
    return { endpoint, subscription }
  }
  const finished = Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => inFlight === 0 }))

  yield* Effect.acquireRelease(
    Effect.sync(() => rows.map(subscribe)),
    (all) =>
      Effect.promise(() =>
        Promise.all(
          all.map(({ endpoint, subscription }) => {
            endpoints.delete(endpoint)
            return subscription.drain()
          }),
        ),
      ).pipe(Effect.andThen(finished), Effect.timeoutOption(drainTimeout)),
  )
})

/** The door for agents on NATS to these operations. */
export const operationsLayer = <Requirements>(rows: ReadonlyArray<Callable<Requirements>>) =>
  Layer.effectDiscard(serveCalls(rows))

/**
 * The way in for agents on NATS: lets them in by their tokens, tells what is offered, and cuts connections whose
 * token no longer counts. `issuer` is the seed that answers to logins are signed with.
 */
export const entranceLayer = (issuer: Redacted.Redacted) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      yield* discovery(yield* Endpoints)
      yield* authCallout(issuer)
      yield* cutOff
    }),
  )
