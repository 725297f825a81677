import { Effect } from "effect"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { doneWith, never, type Reaction } from "../../../src/commands/reactions/Reaction.ts"
import { Deliveries } from "./Deliveries.ts"
import { Delivery, DELIVERY, DeliveryCommand } from "./Delivery.ts"

const { FailDelivery, PostponeDelivery, RecordDelivered } = DeliveryCommand.cases

/** Delivers what is owed: a reaction as it should be. */
export const makeDeliver = Effect.gen(function* () {
  const dispatcher = yield* Dispatcher
  const deliveries = yield* Deliveries

  const deliver: Reaction<string> = {
    kind: DELIVERY,
    within: "2 seconds",
    atOnce: 4,
    atOnceForTarget: 2,
    backoff: (attempt) => Math.min(100 * 2 ** (attempt - 1), 5_000),
    inquire: ({ id }) =>
      Effect.map(deliveries.find(id), (receipt) => (receipt === undefined ? undefined : doneWith(receipt))),
    perform: Effect.fnUntraced(function* ({ id }) {
      const { state } = yield* dispatcher.load(Delivery, id)
      // Its end is on the log already: whatever is recorded now changes nothing.
      if (state._tag !== "Waiting") return doneWith("")
      return yield* deliveries.send(id, { to: state.to, text: state.text }).pipe(
        Effect.map(doneWith),
        Effect.catchTag("OutsideRefuses", ({ reason }) => Effect.succeed(never(reason))),
      )
    }),
    records: {
      done: ({ id }, receipt, envelope) =>
        dispatcher.dispatch(Delivery, id, RecordDelivered.make({ receipt }), envelope),
      postpone: ({ attempt, id }, until, envelope) =>
        dispatcher.dispatch(Delivery, id, PostponeDelivery.make({ attempt, until }), envelope),
      giveUp: ({ attempt, id }, why, envelope) =>
        dispatcher.dispatch(Delivery, id, FailDelivery.make({ attempt, why }), envelope),
    },
  }
  return deliver
})
