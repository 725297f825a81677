import { Context, Effect, Layer, Schema } from "effect"
import {
  Gateway as GatewayAggregate,
  type GatewayEvent,
  gatewayId,
  GatewayOption,
  type GatewayRefusal,
  type GatewayState,
  OptionNotFound,
} from "../domain/Gateway.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { refusing } from "./refusing.ts"

type Done = Effect.Effect<Outcome<GatewayState, GatewayEvent>, GatewayRefusal | DispatchFailure>

const isOption = Schema.is(GatewayOption)

/** The settings of operators for the gateway as a whole. What the environment says stands above it (Fleet). */
export class Gateway extends Context.Service<
  Gateway,
  {
    readonly setOption: (key: string, value: number | string | null, envelope: Envelope) => Done
    readonly removeOption: (key: string, envelope: Envelope) => Done
  }
>()("crewlog/commands/Gateway") {
  static readonly layer = Layer.effect(
    Gateway,
    Effect.map(Dispatcher, (dispatcher) => {
      const unknown = (key: string, envelope: Envelope) =>
        dispatcher.dispatch(
          refusing(GatewayAggregate, new OptionNotFound({ key })),
          gatewayId,
          undefined,
          envelope,
        )
      return Gateway.of({
        setOption: (key, value, envelope) =>
          isOption(key)
            ? dispatcher.dispatch(GatewayAggregate, gatewayId, { _tag: "SetOption", key, value }, envelope)
            : unknown(key, envelope),
        removeOption: (key, envelope) =>
          isOption(key)
            ? dispatcher.dispatch(GatewayAggregate, gatewayId, { _tag: "RemoveOption", key }, envelope)
            : unknown(key, envelope),
      })
    }),
  )
}
