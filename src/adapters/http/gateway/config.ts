import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Dispatcher, type Outcome } from "../../../commands/dispatch.ts"
import { Gateway } from "../../../commands/Gateway.ts"
import { Settings } from "../../../config.ts"
import {
  Gateway as GatewayAggregate,
  gatewayDefaults,
  type GatewayEvent,
  gatewayId,
  GatewayOption,
  type GatewayState,
  OptionNotFound,
} from "../../../domain/Gateway.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { Answers } from "../Answers.ts"
import type { Exchange } from "../Exchange.ts"
import { versioned } from "../versioned.ts"
import type { ConfigBody } from "./bodies.ts"
import { GatewayApi } from "./GatewayApi.ts"

type Key = typeof GatewayOption.Type
type Stored = GatewayState["options"]

const isOption = (key: string): key is Key => Object.hasOwn(gatewayDefaults, key)

/** What operators can set of the gateway, and where each value comes from. */
export const ConfigHandlers = HttpApiBuilder.group(
  GatewayApi,
  "config",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const dispatcher = yield* Dispatcher
    const fleet = yield* Fleet
    const gateway = yield* Gateway
    const { gatewayOptions } = yield* Settings

    const shown = (key: Key, all: Stored): ConfigBody => {
      const fixed = gatewayOptions[key]
      const stored = Object.hasOwn(all, key) ? all[key] : undefined
      const byDefault = gatewayDefaults[key]
      const value = fixed !== undefined ? fixed : stored !== undefined ? stored : byDefault
      const source = fixed !== undefined ? "environment" : stored !== undefined ? "stored" : "default"
      return { key, value, source, ...(stored === undefined ? {} : { stored }), default: byDefault }
    }

    const position = () => ({ seq: fleet.versionOf(gatewayId) })

    const done = (
      exchange: Exchange["Service"],
      outcome: Outcome<GatewayState, GatewayEvent>,
      body?: object,
    ) =>
      answers.done(exchange, outcome, {
        ...(body === undefined ? {} : { body }),
        version: outcome.seq,
        shown: fleet.caughtUp(gatewayId, outcome.seq),
      })

    return handlers.handleAll({
      list: () =>
        answers.to((exchange) =>
          Effect.sync(() =>
            answers.seen(
              exchange,
              position(),
              GatewayOption.literals.map((key) => shown(key, fleet.stored())),
            ),
          ),
        ),
      one: ({ params: { key } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            if (!isOption(key)) return yield* new OptionNotFound({ key })
            const { seq } = position()
            return answers.seen(exchange, { seq }, shown(key, fleet.stored()), { version: seq })
          }),
        ),
      set: ({ params: { key }, payload: { value } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            if (!isOption(key)) return yield* new OptionNotFound({ key })
            const envelope = yield* versioned(dispatcher, exchange, GatewayAggregate, gatewayId)
            const outcome = yield* gateway.setOption(key, value, envelope)
            return yield* done(exchange, outcome, shown(key, outcome.state.options))
          }),
        ),
      remove: ({ params: { key } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const envelope = yield* versioned(dispatcher, exchange, GatewayAggregate, gatewayId)
            return yield* done(exchange, yield* gateway.removeOption(key, envelope))
          }),
        ),
    })
  }),
)
